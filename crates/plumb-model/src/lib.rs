//! The snapshot of what a kernel holds, and changes to it
