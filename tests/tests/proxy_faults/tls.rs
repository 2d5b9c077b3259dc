//! A server that ends TLS before a plain API server: with a certificate of a private authority, and with accounts.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use plumb_tests::services::failed;
use plumb_tests::{Failure, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustix::event::{PollFd, PollFlags, poll};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection};

/// Who may connect.
#[derive(Clone, Debug)]
pub(crate) enum Account {
    /// Whoever has a certificate of the authority.
    Certificate,
    /// Whoever knows the token.
    Token(String),
}

/// A certificate authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

/// A certificate with its key.
pub(crate) struct Identity {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Identity {
    pub(crate) fn certificate(&self) -> String {
        self.certificate.pem()
    }

    pub(crate) fn key(&self) -> String {
        self.key.serialize_pem()
    }
}

impl Authority {
    pub(crate) fn new(name: &str) -> Result<Self> {
        let wrong = failed("making an authority");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().map_err(&wrong)?;
        let certificate = params.self_signed(&key).map_err(&wrong)?;
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    pub(crate) fn certificate(&self) -> String {
        self.certificate.pem()
    }

    /// A certificate for a server at this address, or for a client of this name.
    pub(crate) fn issue(&self, name: &str, usage: ExtendedKeyUsagePurpose) -> Result<Identity> {
        let wrong = failed("making a certificate");
        let mut params = CertificateParams::new(vec![name.to_owned()]).map_err(&wrong)?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().map_err(&wrong)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(&wrong)?;
        Ok(Identity { certificate, key })
    }

    fn config(&self, account: &Account, server: &Identity) -> Result<ServerConfig> {
        let wrong = failed("setting TLS up");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(&wrong)?;
        let config = match account {
            Account::Token(_) => config.with_no_client_auth(),
            Account::Certificate => {
                let mut roots = RootCertStore::empty();
                roots.add(self.certificate.der().clone()).map_err(&wrong)?;
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .map_err(failed("setting TLS up"))?;
                config.with_client_cert_verifier(verifier)
            }
        };
        let chain: Vec<CertificateDer<'static>> = vec![server.certificate.der().clone()];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(server.key.serialize_der()));
        config.with_single_cert(chain, key).map_err(&wrong)
    }
}

/// Takes connections and hands what comes to a plain server; it takes no more when this goes.
pub(crate) struct Front {
    stop: Arc<AtomicBool>,
    address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Front {
    /// On this socket, before the server at `to`, which is reached from the namespace of the test.
    pub(crate) fn start(
        listener: TcpListener,
        to: SocketAddr,
        authority: &Authority,
        account: Account,
    ) -> Result<Self> {
        let address = listener.local_addr().map_err(Failure::io("a socket"))?;
        let server = authority.issue(&address.ip().to_string(), ExtendedKeyUsagePurpose::ServerAuth)?;
        let config = Arc::new(authority.config(&account, &server)?);
        let stop = Arc::new(AtomicBool::new(false));
        listener.set_nonblocking(true).map_err(Failure::io("a socket"))?;
        let thread = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                while !stop.load(Ordering::Relaxed) {
                    let mut waiting = [PollFd::new(&listener, PollFlags::IN)];
                    let limit = rustix::event::Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
                    let _ = poll(&mut waiting, Some(&limit));
                    let Ok((client, _)) = listener.accept() else { continue };
                    let (config, account) = (Arc::clone(&config), account.clone());
                    // Whatever ends a connection is the client's to tell.
                    std::thread::spawn(move || drop(relay(config, &account, client, to)));
                }
            }
        });
        Ok(Self { stop, address, thread: Some(thread) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn relay(
    config: Arc<ServerConfig>,
    account: &Account,
    mut client: TcpStream,
    to: SocketAddr,
) -> io::Result<()> {
    client.set_nonblocking(false)?;
    let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut server = TcpStream::connect(to)?;
    let mut known = matches!(account, Account::Certificate);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let mut waiting = [PollFd::new(&client, PollFlags::IN), PollFd::new(&server, PollFlags::IN)];
        poll(&mut waiting, None)?;
        let [from_client, from_server] = waiting.map(|w| !w.revents().is_empty());
        if from_client {
            if tls.read_tls(&mut client)? == 0 {
                return Ok(());
            }
            let sound = tls.process_new_packets().map(drop).map_err(io::Error::other);
            // An alert says why, where there is one.
            flush(&mut tls, &mut client)?;
            if sound.is_err() {
                // Whoever closes with something unread resets the connection, and the alert may be lost.
                client.shutdown(Shutdown::Write)?;
                client.set_read_timeout(Some(std::time::Duration::from_secs(2)))?;
                while client.read(&mut buffer)? > 0 {}
                return sound;
            }
            while let Ok(length @ 1..) = tls.reader().read(&mut buffer) {
                known = known || knows(account, &buffer[..length]);
                if !known {
                    tls.writer().write_all(UNAUTHORIZED)?;
                    tls.send_close_notify();
                    return flush(&mut tls, &mut client);
                }
                server.write_all(&buffer[..length])?;
            }
        }
        if from_server {
            let length = server.read(&mut buffer)?;
            if length == 0 {
                tls.send_close_notify();
                return flush(&mut tls, &mut client);
            }
            tls.writer().write_all(&buffer[..length])?;
        }
        flush(&mut tls, &mut client)?;
    }
}

const UNAUTHORIZED: &[u8] = b"HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\
    Connection: close\r\n\r\n{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"message\":\"Unauthorized\",\"code\":401}";

fn knows(account: &Account, head: &[u8]) -> bool {
    let Account::Token(token) = account else { return true };
    let wanted = format!("authorization: bearer {token}").to_lowercase();
    String::from_utf8_lossy(head).lines().any(|line| line.to_lowercase() == wanted)
}

fn flush(tls: &mut ServerConnection, client: &mut TcpStream) -> io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(client)?;
    }
    Ok(())
}
