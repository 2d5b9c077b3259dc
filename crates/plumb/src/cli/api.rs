//! Which Kubernetes API the objects come from.

use std::path::PathBuf;

use clap::Args;

/// How to reach a Kubernetes API, for commands that need none as a rule.
#[derive(Clone, Debug, Default, Args)]
#[group(id = "api")]
pub struct ApiArgs {
    /// Objects from a Kubernetes API: how to reach it. It is listed once
    #[arg(long, value_name = "FILE", conflicts_with = "manifests")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig; its current one otherwise
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    pub context: Option<String>,
    /// Address of the API server; goes before the one in the kubeconfig
    #[arg(long, value_name = "URL", conflicts_with = "manifests")]
    pub master: Option<String>,
    /// The API of the cluster that plumb runs in, by the account that Kubernetes mounts into its Pod
    #[arg(long, conflicts_with_all = ["kubeconfig", "master", "manifests"])]
    pub in_cluster: bool,
}

impl ApiArgs {
    /// The API that was asked for; `None` where none was.
    #[must_use]
    pub fn access(&self) -> Option<plumb_kube::Access> {
        let asked = self.in_cluster || self.kubeconfig.is_some() || self.master.is_some();
        asked.then(|| plumb_kube::Access {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
            master: self.master.clone(),
        })
    }
}
