//! Forms of names (`k8s.io/apimachinery/pkg/util/validation`).

use super::{Findings, Problem};
use crate::field::FieldPath;

/// What a name has to look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameForm {
    /// Lower-case letters, digits and hyphens, beginning with a letter: names of Services (RFC 1035).
    Dns1035Label,
    /// The same, but a digit may come first: names of ports and namespaces (RFC 1123).
    Dns1123Label,
    /// Such labels joined by dots, 253 characters in all: names of most objects.
    Dns1123Subdomain,
}

impl NameForm {
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Dns1035Label => {
                "DNS-1035 label; write at most 63 lower-case letters, digits and hyphens, a letter first and no hyphen last"
            }
            Self::Dns1123Label => {
                "DNS-1123 label; write at most 63 lower-case letters, digits and hyphens, no hyphen first or last"
            }
            Self::Dns1123Subdomain => {
                "DNS-1123 subdomain; write at most 253 lower-case letters, digits, hyphens and dots, each part with a letter \
                 or digit first and last"
            }
        }
    }

    /// Whether the text has this form.
    #[must_use]
    pub fn fits(self, text: &str) -> bool {
        match self {
            Self::Dns1035Label => is_label(text) && !text.starts_with(|c: char| c.is_ascii_digit()),
            Self::Dns1123Label => is_label(text),
            // Parts of a subdomain may be longer than 63 (DNS1123SubdomainMaxLength alone limits them).
            Self::Dns1123Subdomain => text.len() <= 253 && text.split('.').all(is_part),
        }
    }
}

fn is_label(text: &str) -> bool {
    text.len() <= 63 && is_part(text)
}

fn is_part(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

pub(super) fn check(text: &str, form: NameForm, path: FieldPath, found: &mut Findings) {
    if !form.fits(text) {
        found.add(path, Problem::Name { text: text.into(), form });
    }
}

#[cfg(test)]
mod tests {
    use super::NameForm::{Dns1035Label, Dns1123Label, Dns1123Subdomain};

    #[test]
    fn names_have_forms() {
        let long = "a".repeat(64);
        for (text, label_1035, label_1123, subdomain) in [
            ("web", true, true, true),
            ("web-0", true, true, true),
            ("0-web", false, true, true),
            ("web.example", false, false, true),
            ("", false, false, false),
            ("-web", false, false, false),
            ("web-", false, false, false),
            ("Web", false, false, false),
            ("web_0", false, false, false),
            ("web..example", false, false, false),
            (&long, false, false, true),
        ] {
            assert_eq!(Dns1035Label.fits(text), label_1035, "{text:?}");
            assert_eq!(Dns1123Label.fits(text), label_1123, "{text:?}");
            assert_eq!(Dns1123Subdomain.fits(text), subdomain, "{text:?}");
        }
    }
}
