//! Compiles a snapshot into a network and walks a packet through it, there and back
