//! The whole proxy, with an API server and with real connections, while something fails: the API server goes away, forgets, counts
//! anew; the proxy is ended or killed; certificates and accounts are right or wrong.

mod account;
mod bed;
mod outage;
mod restart;
mod tls;
mod traffic;
