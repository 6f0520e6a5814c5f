//! `sluice-local`: the local AWS at the command line.
fn main() {}
