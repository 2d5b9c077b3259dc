//! `plumb endpointslices`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `plumb endpointslices`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  plumb endpointslices --manifests cluster/           a folder: Services, Pods, Nodes, Endpoints
  plumb endpointslices --manifests web.yaml -o json   a file, for a script
  kubectl get svc,pods,nodes,endpointslices -A -o yaml | plumb endpointslices --manifests -
  plumb endpointslices --manifests cluster/ > slices.yaml

It prints what the EndpointSlice controller of a cluster would write: of slices that are among the
manifests, those that ought to be others. Of a folder and the folders in it the files that end in
.yaml, .yml and .json are read, in the order of their paths. What an API server would refuse, and what is left out, is said on
stderr.

Exit status: 0 printed, 2 a file makes no sense.")]
pub struct EndpointslicesArgs {
    /// Where the objects are: a folder, a file, or `-` for stdin; may be given several times
    #[arg(long, required = true, value_name = "DIR|FILE|-")]
    pub manifests: Vec<PathBuf>,
    /// How to print: documents of YAML, or a List in JSON
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: YamlOrJson,
}

/// How to print objects of the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum YamlOrJson {
    /// A document an object
    #[default]
    Yaml,
    /// One JSON document, a `v1/List`
    Json,
}
