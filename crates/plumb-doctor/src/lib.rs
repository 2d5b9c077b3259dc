//! Findings and diagnosis: from traces to causes, evidence and remedies
