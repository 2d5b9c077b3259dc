//! Reads and writes the kernel: netlink, namespaces, sockets, /proc
