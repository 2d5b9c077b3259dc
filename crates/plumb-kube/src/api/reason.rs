//! Why a request got no answer, in words that say what to look at.

use std::error::Error;

use rustls::{AlertDescription, CertificateError};

/// Why a request failed.
pub(super) fn of(error: &kube::Error) -> String {
    // What kube puts around the client's own error says nothing more.
    let error: &(dyn Error + 'static) = match error {
        kube::Error::Service(inner) => inner.as_ref(),
        other => other,
    };
    let text = chain(error);
    match tls(error).and_then(advice) {
        Some(advice) => format!("{text}: {advice}"),
        None => text,
    }
}

/// An error with its causes, each once: some texts hold that of their cause.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

/// The error of TLS among the causes. One that is wrapped in an error of I/O is not among its sources.
fn tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(cause) = next {
        let inner = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let found = inner
            .and_then(|inner| inner.downcast_ref::<rustls::Error>().or_else(|| tls(inner)))
            .or_else(|| cause.downcast_ref());
        if found.is_some() {
            return found;
        }
        next = cause.source();
    }
    None
}

/// What to look at; the fields are a kubeconfig's.
fn advice(error: &rustls::Error) -> Option<&'static str> {
    use rustls::Error::{AlertReceived, InvalidCertificate};
    Some(match error {
        InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            "the server's certificate is not of the authority that is trusted, check certificate-authority"
        }
        InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the server's certificate has expired, or this machine's clock is wrong"
        }
        InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => {
            "the server's certificate is not valid yet, or this machine's clock is wrong"
        }
        InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "the server's certificate is for other names, check server and tls-server-name",
        AlertReceived(AlertDescription::CertificateRequired) => {
            "the server asks for a client certificate, check client-certificate and client-key"
        }
        AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::DecryptError
            | AlertDescription::AccessDenied,
        ) => "the server refuses the client certificate, check client-certificate and client-key",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_tls_is_found_behind_one_of_io_and_explained() {
        let tls = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let io = std::io::Error::other(std::io::Error::other(tls));
        let text = of(&kube::Error::Service(Box::new(io)));
        assert!(
            text.starts_with("invalid peer certificate") && text.ends_with("check certificate-authority"),
            "{text}"
        );
        let text = of(&kube::Error::Service("nobody there".into()));
        assert_eq!(text, "nobody there");
    }
}
