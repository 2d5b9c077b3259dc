//! The objects of a cluster as they are now: each kind listed once, page by page.

mod reader;

use std::fmt;
use std::time::Duration;

use plumb_api::policy::PolicyRef;
use plumb_api::{Object, ObjectKey};

use super::connect;
use super::machine::Failure;
use crate::{Access, Interest, SourceError};
use reader::Reader;

/// How to list.
#[derive(Clone, Copy)]
pub struct ListOptions<'a> {
    /// Objects a page.
    pub page: u32,
    /// Longest wait for one page.
    pub patience: Duration,
    /// Requests for one page, where the server gives no answer or cannot serve.
    pub attempts: u32,
    /// Whether policies of kinds that are not read are looked for ([`plumb_api::policy::is_foreign`]).
    pub foreign: bool,
    /// Told the kind that is read and how many of its objects have been, page by page.
    pub progress: &'a dyn Fn(&str, usize),
}

impl Default for ListOptions<'_> {
    fn default() -> Self {
        Self {
            page: 500,
            patience: Duration::from_secs(30),
            attempts: 3,
            foreign: false,
            progress: &|_, _| {},
        }
    }
}

impl fmt::Debug for ListOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListOptions").field("page", &self.page).finish_non_exhaustive()
    }
}

/// What an API server holds.
#[derive(Debug, Default)]
pub struct Listed {
    /// Its address.
    pub server: String,
    /// Objects of the kinds that could be read, defaults filled in as those of files.
    pub objects: Vec<Object>,
    /// Policies of kinds that are not read.
    pub foreign: Vec<PolicyRef>,
    /// Objects that make no sense, which are left out.
    pub undecodable: Vec<Undecodable>,
    /// Kinds that could not be read.
    pub unread: Vec<Unread>,
}

/// An object that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecodable {
    /// As far as it could be read.
    pub object: ObjectKey,
    /// What and where.
    pub error: String,
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is left out: {}", self.object, self.error)
    }
}

/// A kind that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// `NetworkPolicy`; `APIGroup` where it is not known which kinds there are.
    pub kind: Box<str>,
    /// As rights name it: `networkpolicies.networking.k8s.io`.
    pub resource: Box<str>,
    /// What was asked for.
    pub url: Box<str>,
    /// Why.
    pub why: WhyUnread,
}

/// Why a kind could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyUnread {
    /// The server refuses: the account has not the rights.
    Refused {
        /// HTTP status.
        code: u16,
        /// The server's text.
        message: String,
    },
    /// The server does not know the kind.
    Absent,
    /// The server cannot serve now.
    Unavailable {
        /// HTTP status.
        code: u16,
        /// The server's text.
        message: String,
    },
    /// No answer.
    NoAnswer(String),
    /// The list changed faster than it could be read, page by page.
    Changing,
    /// An answer that is none.
    Garbled(String),
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.kind, self.url, self.why)?;
        match self.why {
            WhyUnread::Refused { code: 401, .. } => f.write_str("; check the account of the kubeconfig"),
            WhyUnread::Refused { .. } => write!(f, "; give the account the verb list on {}", self.resource),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for WhyUnread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { code, message } => {
                write!(f, "the API server refuses to list them (HTTP {code}: {message})")
            }
            Self::Absent => f.write_str("the API server does not know the kind"),
            Self::Unavailable { code, message } => {
                write!(f, "the API server cannot serve (HTTP {code}: {message})")
            }
            Self::NoAnswer(error) => write!(f, "no answer ({error})"),
            Self::Changing => f.write_str("the list changed each time before its last page was read"),
            Self::Garbled(error) => write!(f, "the answer makes no sense ({error})"),
        }
    }
}

impl From<Failure> for WhyUnread {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Gone => Self::Changing,
            Failure::Absent(_) => Self::Absent,
            Failure::Answer { code, message } if is_passing(code) => Self::Unavailable { code, message },
            Failure::Answer { code, message } => Self::Refused { code, message },
            Failure::Unreachable(error) => Self::NoAnswer(error),
            Failure::Garbled(error) => Self::Garbled(error),
        }
    }
}

/// Whether a server that answers so may answer otherwise soon.
fn is_passing(code: u16) -> bool {
    code == 429 || code >= 500
}

/// Lists every kind once. What is there comes with what could not be read: the rest may do.
///
/// # Errors
/// The kubeconfig, the account or the address cannot be used, or nobody answers there at all.
pub fn list_once(
    access: &Access,
    interests: &[Interest],
    options: &ListOptions<'_>,
) -> Result<Listed, SourceError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(SourceError::Thread)?;
    runtime.block_on(async {
        let (client, server) = connect::connect(access).await?;
        let mut listed = Listed { server: server.trim_end_matches('/').to_owned(), ..Listed::default() };
        let reader = Reader { client, options };
        reader.all(interests, &mut listed).await?;
        Ok(listed)
    })
}
