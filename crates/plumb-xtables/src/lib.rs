//! xtables matches and targets: binary blobs to and from types, text as iptables-save prints it
