//! `plumb explain`

use std::path::PathBuf;

use clap::Args;
use plumb_api::NamespacedName;

use super::{NodeArgs, TextOrJson};

/// `plumb explain`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plumb explain svc/default/my-service                        objects from the API, kernel of this node
  plumb explain svc/my-service --manifests services/          objects from files; namespace default
  kubectl get svc,endpointslices,nodes -A -o yaml | plumb explain svc/shop/web --manifests -
  plumb explain svc/shop/web --manifests services/ --netns node-1 --hostname-override node-1
  plumb explain svc/shop/web -o json | jq '.fields[].missing'

For each field of the Service: what it does or why it does nothing here, the sets and elements that implement it in
the table `plumb`, the chains that a packet goes through, the endpoints with their shares, what is missing and what is
stale. Give --hostname-override, --node-ip and --node-zone as the proxy has them; how pods are told from others is read
from the rules. Reading changes nothing.

Exit status: 0 all is in force, 1 something is missing or stale, 2 usage, a wrong manifest or no such Service, 3 the
kernel or the API could not be read.")]
pub struct ServiceArgs {
    /// The Service: svc/NAMESPACE/NAME, or svc/NAME in the namespace `default`
    #[arg(value_name = "svc/NAMESPACE/NAME", value_parser = service)]
    pub service: NamespacedName,
    /// Objects from these manifests (a folder, a file, `-` for stdin) instead of a Kubernetes API; may be given several times
    #[arg(long, value_name = "DIR|FILE|-", conflicts_with_all = ["kubeconfig", "master"])]
    pub manifests: Vec<PathBuf>,
    /// How to reach the API; without it and --master, the account that Kubernetes mounts into a Pod
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Address of the API server; goes before the one in the kubeconfig
    #[arg(long, value_name = "URL")]
    pub master: Option<String>,
    /// The node's network namespace, where it is not plumb's own: its name, a path, or net:[INODE]
    #[arg(long, value_name = "NAME|PATH")]
    pub netns: Option<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: TextOrJson,
    /// The node
    #[command(flatten)]
    pub node: NodeArgs,
}

/// `svc/NAMESPACE/NAME`, as `kubectl` also writes kinds.
fn service(text: &str) -> Result<NamespacedName, String> {
    let wrong = || "write svc/NAMESPACE/NAME, as in svc/default/my-service".to_owned();
    let parts: Vec<&str> = text.split('/').collect();
    let (kind, namespace, name) = match parts.as_slice() {
        [kind, name] => (*kind, "default", *name),
        [kind, namespace, name] => (*kind, *namespace, *name),
        _ => return Err(wrong()),
    };
    if !matches!(kind, "svc" | "service" | "services") || namespace.is_empty() || name.is_empty() {
        return Err(wrong());
    }
    Ok(NamespacedName::new(namespace, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_named_with_or_without_its_namespace() {
        assert_eq!(service("svc/shop/web"), Ok(NamespacedName::new("shop", "web")));
        assert_eq!(service("service/web"), Ok(NamespacedName::new("default", "web")));
        for wrong in ["web", "pod/a/b", "svc/", "svc//web", "svc/a/b/c"] {
            assert!(service(wrong).is_err(), "{wrong}");
        }
    }
}
