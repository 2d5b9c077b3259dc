//! Over TLS: by kubeconfig with a certificate or a token, by the account that Kubernetes mounts into a Pod, and what is said where
//! one of them is wrong.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

use plumb_lab::api::ApiServer;
use plumb_tests::{Failure, Result};
use rcgen::ExtendedKeyUsagePurpose;

use super::bed::{API, Bed, Objects, wait};
use super::tls::{Account, Authority, Front};
use super::traffic::Traffic;

const TOKEN: &str = "s3cret";

/// A bed with an API behind TLS.
struct Secure {
    bed: Bed,
    objects: Objects,
    authority: Authority,
    _front: Front,
    _server: ApiServer,
}

impl Secure {
    fn new(account: Account) -> Result<Self> {
        let (bed, objects) = (Bed::new()?, Objects::new(10_000)?);
        objects.service(1, &[0, 1])?;
        objects.service(3, &[3])?;
        let authority = Authority::new("a private authority")?;
        let plain = TcpListener::bind("127.0.0.1:0").map_err(Failure::io("listening"))?;
        let server = ApiServer::start(plain, Arc::clone(&objects.0)).map_err(Failure::io("serving"))?;
        let front = Front::start(bed.listen()?, server.address(), &authority, account)?;
        assert_eq!(front.address().to_string(), API);
        Ok(Self { bed, objects, authority, _front: front, _server: server })
    }

    fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.bed.folder.path().join(name);
        std::fs::write(&path, text).map_err(Failure::io("writing a file"))?;
        Ok(path)
    }

    /// A kubeconfig that trusts this authority, with these fields of a user.
    fn kubeconfig(&self, authority: &Authority, user: &str) -> Result<String> {
        let ca = self.file("ca.crt", &authority.certificate())?;
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
             contexts: [{{name: here, context: {{cluster: here, user: proxy}}}}]\n\
             clusters: [{{name: here, cluster: {{server: 'https://{API}', certificate-authority: {}}}}}]\n\
             users: [{{name: proxy, user: {{{user}}}}}]\n",
            ca.display()
        );
        Ok(self.file("config", &text)?.display().to_string())
    }

    /// A certificate of this authority, as fields of a user.
    fn certificate(&self, authority: &Authority) -> Result<String> {
        let client = authority.issue("system:node-proxier", ExtendedKeyUsagePurpose::ClientAuth)?;
        let certificate = self.file("client.crt", &client.certificate())?;
        let key = self.file("client.key", &client.key())?;
        Ok(format!("client-certificate: {}, client-key: {}", certificate.display(), key.display()))
    }

    /// A proxy that is started so serves, and follows.
    fn serves(&self, by_way_of: &[&str], access: &[&str]) -> Result<()> {
        let proxy = self.bed.proxy(by_way_of, access)?;
        wait("the first sync", &proxy, || {
            Ok(self.bed.is_served_by(1, &[0, 1])? && self.bed.is_served_by(3, &[3])?)
        })?;
        let traffic = Traffic::start(&self.bed, 1, &[0, 1]);
        self.objects.endpoints(3, &[5])?;
        wait("a change", &proxy, || self.bed.is_served_by(3, &[5]))?;
        self.objects.endpoints(3, &[3])?;
        wait("another change", &proxy, || self.bed.is_served_by(3, &[3]))?;
        assert_eq!(self.bed.problems()?, Some(Vec::new()));
        traffic.flows()
    }

    /// A proxy that is started so says in one line of its log, and in its status, what is wrong; what was in force stays.
    fn says(&self, access: &[&str], words: &[&str]) -> Result<()> {
        let proxy = self.bed.proxy(&[], access)?;
        let whole = |text: &str| words.iter().all(|word| text.contains(word));
        wait(&format!("{words:?}"), &proxy, || {
            Ok(self.bed.problems()?.is_some_and(|problems| problems.iter().any(|p| whole(p))))
        })?;
        assert!(proxy.log()?.lines().any(|line| line.contains("WARN") && whole(line)), "{}", proxy.log()?);
        Ok(())
    }
}

#[test]
fn a_kubeconfig_with_a_certificate() -> Result<()> {
    let secure = Secure::new(Account::Certificate)?;
    let user = secure.certificate(&secure.authority)?;
    secure.serves(&[], &["--kubeconfig", &secure.kubeconfig(&secure.authority, &user)?])?;
    let traffic = Traffic::start(&secure.bed, 1, &[0, 1]);
    // A server of another authority, then a client of another, then one without a certificate.
    let other = Authority::new("another authority")?;
    let config = secure.kubeconfig(&other, &user)?;
    secure.says(
        &["--kubeconfig", &config],
        &["https://127.0.0.1:6443", "certificate", "certificate-authority"],
    )?;
    let wrong = secure.certificate(&other)?;
    let config = secure.kubeconfig(&secure.authority, &wrong)?;
    secure.says(&["--kubeconfig", &config], &["https://127.0.0.1:6443", "client certificate"])?;
    let config = secure.kubeconfig(&secure.authority, "")?;
    secure.says(&["--kubeconfig", &config], &["https://127.0.0.1:6443", "client certificate"])?;
    traffic.flows()
}

#[test]
fn a_kubeconfig_with_a_token() -> Result<()> {
    let secure = Secure::new(Account::Token(TOKEN.to_owned()))?;
    let user = format!("token: {TOKEN}");
    secure.serves(&[], &["--kubeconfig", &secure.kubeconfig(&secure.authority, &user)?])?;
    let traffic = Traffic::start(&secure.bed, 1, &[0, 1]);
    let config = secure.kubeconfig(&secure.authority, "token: guessed")?;
    secure.says(&["--kubeconfig", &config], &["401", "Unauthorized", "account"])?;
    traffic.flows()
}

#[test]
fn the_account_of_a_pod() -> Result<()> {
    let secure = Secure::new(Account::Token(TOKEN.to_owned()))?;
    let ca = secure.file("ca.crt", &secure.authority.certificate())?;
    let token = secure.file("token", TOKEN)?;
    let namespace = secure.file("namespace", "kube-system")?;
    // In a mount namespace of its own, so that nothing of this machine's /run is touched.
    let script = r#"mount -t tmpfs tmpfs /run
        place=/var/run/secrets/kubernetes.io/serviceaccount; mkdir -p "$place"
        cp "$1" "$2" "$3" "$place"; shift 3
        export KUBERNETES_SERVICE_HOST=127.0.0.1 KUBERNETES_SERVICE_PORT=6443
        exec "$@""#;
    let files = [&ca, &token, &namespace].map(|p| p.display().to_string());
    let mut by_way_of = vec!["unshare", "-m", "sh", "-euc", script, "sh"];
    by_way_of.extend(files.iter().map(String::as_str));
    secure.serves(&by_way_of, &[])?;
    // Outside a cluster there is none, and it says what to give.
    let mut proxy = secure.bed.proxy(&[], &[])?;
    assert_eq!(proxy.ended()?, Some(2));
    let log = proxy.log()?;
    assert!(log.contains("--kubeconfig") && log.contains("--master"), "{log}");
    Ok(())
}
