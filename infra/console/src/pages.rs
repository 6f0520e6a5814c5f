//! A module for each page: reads what the URL asks for, asks [`sluice_operations`], and lays the answer out.

pub(crate) mod customer;
pub(crate) mod dead_letters;
pub(crate) mod event;
pub(crate) mod events;
pub(crate) mod failures;
pub(crate) mod find;
pub(crate) mod numbers;
pub(crate) mod object;
pub(crate) mod overview;
pub(crate) mod reconcile;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod search;
pub(crate) mod setup;
