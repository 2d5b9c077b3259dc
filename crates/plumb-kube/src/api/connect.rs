//! How to reach the API server: kubeconfig, in-cluster account, or an address.

use std::path::PathBuf;
use std::time::Duration;

use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ConfigExt as _};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tower::{BoxError, ServiceBuilder};

use crate::SourceError;

/// Which API server, and as whom.
///
/// | kubeconfig | master | used |
/// |---|---|---|
/// | – | – | the account that Kubernetes mounts into every Pod |
/// | yes | – | what the kubeconfig says |
/// | yes | yes | what the kubeconfig says, at another address |
/// | – | yes | the address, without an account |
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// A kubeconfig file.
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig; `None`: its current one.
    pub context: Option<String>,
    /// Address of the API server, `https://host:port`; goes before that of the kubeconfig.
    pub master: Option<String>,
}

impl Access {
    /// An API server that asks for no account, as the lab's.
    #[must_use]
    pub fn plain(address: &str) -> Self {
        Self { master: Some(address.to_owned()), ..Self::default() }
    }

    async fn config(&self) -> Result<Config, SourceError> {
        let master = match &self.master {
            None => None,
            Some(text) => {
                let with_scheme = if text.contains("://") { text.clone() } else { format!("http://{text}") };
                let uri = with_scheme.parse::<http::Uri>().ok().filter(|uri| uri.host().is_some());
                Some(uri.ok_or_else(|| SourceError::Master(text.clone()))?)
            }
        };
        let mut config = match (&self.kubeconfig, &master) {
            (Some(path), _) => {
                let options = KubeConfigOptions { context: self.context.clone(), ..Default::default() };
                let wrong = |source| SourceError::Kubeconfig { path: path.clone(), source: Box::new(source) };
                let kubeconfig = Kubeconfig::read_from(path).map_err(wrong)?;
                Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(wrong)?
            }
            (None, Some(uri)) => Config::new(uri.clone()),
            (None, None) => Config::incluster().map_err(|e| SourceError::InCluster(Box::new(e)))?,
        };
        if let Some(uri) = master {
            config.cluster_url = uri;
        }
        Ok(config)
    }
}

/// A client and the server's address. Of a peer that is silent although it should answer, TCP tells within a minute.
pub(crate) async fn connect(access: &Access) -> Result<(Client, String), SourceError> {
    let config = access.config().await?;
    let address = config.cluster_url.to_string();
    let failed = |e: kube::Error| SourceError::Client(Box::new(e));
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(Duration::from_secs(10)));
    tcp.set_keepalive(Some(Duration::from_secs(30)));
    tcp.set_keepalive_interval(Some(Duration::from_secs(10)));
    tcp.set_keepalive_retries(Some(3));
    tcp.set_tcp_user_timeout(Some(Duration::from_secs(60)));
    let tls = config.rustls_https_connector_with_connector(tcp).map_err(failed)?;
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer().map_err(failed)?)
        .layer(config.extra_headers_layer().map_err(failed)?)
        .map_err(BoxError::from)
        .service(HttpClient::builder(TokioExecutor::new()).build::<_, Body>(tls));
    Ok((Client::new(service, config.default_namespace), address))
}
