//! `plumb endpointslices`: what the EndpointSlice controller would write.

use plumb_api::endpointslice::{Controller, Plan, SteadyNames};
use plumb_api::manifest::Manifest;
use plumb_api::{Change, EndpointSlice, Kind, Object};
use serde_json::{Value, json};

use super::Context;
use crate::cli::{EndpointslicesArgs, YamlOrJson};
use crate::error::{Error, Status};
use crate::lang::Say;
use crate::{manifests, output};

pub(super) fn run(args: &EndpointslicesArgs, context: &Context) -> Result<Status, Error> {
    let manifest = manifests::read(&args.manifests)?;
    manifests::tell(&manifest, context.lang());
    let plan = plan(manifest);
    for note in &plan.notes {
        output::warn(&note.to_string());
    }
    for name in &plan.delete {
        output::warn(&context.say(&Say::Deleted { name: &name.to_string() }));
    }
    match args.output {
        YamlOrJson::Yaml => output::print(&yaml(&plan, context)?)?,
        YamlOrJson::Json => {
            let items: Vec<Value> = slices(&plan).map(|(_, s)| json_of(s)).collect::<Result<_, _>>()?;
            output::print_json(&json!({"apiVersion": "v1", "kind": "List", "items": items}))?;
        }
    }
    Ok(Status::Good)
}

/// What is to be written for these objects.
fn plan(manifest: Manifest) -> Plan {
    let mut controller = Controller::new(SteadyNames::default());
    for object in manifest.objects {
        controller.apply(Change::Applied(Box::new(object.value)));
    }
    Kind::ALL.into_iter().for_each(|kind| controller.apply(Change::Listed(kind)));
    controller.reconcile(None)
}

fn slices(plan: &Plan) -> impl Iterator<Item = (Say<'static>, &EndpointSlice)> {
    let new = plan.create.iter().map(|s| (Say::Created, s));
    new.chain(plan.update.iter().map(|s| (Say::Updated, s)))
}

fn yaml(plan: &Plan, context: &Context) -> Result<String, Error> {
    let mut text = String::new();
    for (what, slice) in slices(plan) {
        let document = serde_saphyr::to_string(&json_of(slice)?).map_err(unwritable)?;
        text += &format!("# {}\n{document}---\n", context.say(&what));
    }
    // A separator stands between documents, not behind the last.
    text.truncate(text.strip_suffix("---\n").map_or(text.len(), str::len));
    Ok(text)
}

fn json_of(slice: &EndpointSlice) -> Result<Value, Error> {
    Object::EndpointSlice(slice.clone()).to_json().map_err(unwritable)
}

fn unwritable(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::file("write to", "-")(std::io::Error::other(error))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use plumb_api::manifest::{merge, parse};
    use plumb_doctor::messages::Lang;

    const CLUSTER: &str = "\
apiVersion: v1
kind: Service
metadata: {name: web, labels: {enabled: 'yes', number: '017', empty: ''}}
spec: {clusterIP: 10.96.0.10, selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-0, labels: {app: web}}
spec: {containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}
status: {podIP: 10.244.1.2, conditions: [{type: Ready, status: 'True'}]}
";

    #[test]
    fn what_is_printed_can_be_read_and_leads_to_nothing_more() {
        let read = |text: &str| parse(text, "x.yaml").unwrap();
        let plan_of = |texts: &[&str]| plan(merge(texts.iter().map(|t| read(t))));
        let first = plan_of(&[CLUSTER]);
        let context = Context { lang: Lang::En };
        let text = yaml(&first, &context).unwrap();
        assert!(text.starts_with("# new\naddressType: IPv4\n"), "{text}");
        let back = merge([read(&text)]);
        assert_eq!(back.warnings, []);
        assert_eq!(back.objects[0].value, Object::EndpointSlice(first.create[0].clone()));
        assert!(plan_of(&[CLUSTER, &text]).is_empty());
        // The Pod becomes another.
        let moved = plan_of(&[&CLUSTER.replace("10.244.1.2", "10.244.1.3"), &text]);
        assert_eq!((moved.create.len(), moved.update.len()), (0, 1));
        assert!(yaml(&moved, &context).unwrap().starts_with("# changed\n"));
        // The Service goes.
        let gone = plan_of(&[&text]);
        assert_eq!(gone.delete, [first.create[0].metadata.full_name()]);
    }
}
