//! Helpers shared by the tests that need root and network namespaces.
