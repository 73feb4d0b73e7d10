//! The FHIR store: versions, transactions, search, history; `Access` is the only door.
//!
//! The commit path (`prepare`, `committer`, `record`, `applier`) and search meet in few places:
//!
//! - `search::Terms::prepare(keys, type_code, &Value) -> Terms`: pure and parallel; extracts, normalises, hashes and encodes
//!   all terms of one resource. `Terms` is `Clone + Debug + Send`, keeps what the committer must finish (reference targets
//!   as type/id, normalised strings) and gives `sort_keys() -> Vec<u8>`, which `row::Row` carries before the sealed body.
//! - `search::Postings`: owned by the applier, `open(reader, ...)`; its
//!   `replace(&mut self, &mut Batch, &TermChange, number_of: &mut dyn FnMut(&str, &str) -> u64) -> Result<()>` turns
//!   (old terms, new terms) of one resource into puts and deletes of postings, compartment rows, new dictionary entries and
//!   statistics. It must depend on nothing but the order of the calls: replay has to give the same bytes.
//!   `TermChange { tenant, type_code, number, old: Option<&Terms>, new: Option<&Terms>, old_patients: &[u64], new_patients: &[u64] }`.
//! - `search::resolve(&View, resource_type, query: &str) -> Result<Vec<u64>>`: resource numbers of at most a few matches, for
//!   conditional steps (`identifier=system|value` is the fast path).
//! - `search::run(&View, &Query, &Bounds) -> Result<SearchPage>`: what `Access::search` calls after the decision.
//! - `view::View`: a tenant's index at one moment: `number(type, id)`, `row(type_code, number)`, `versioned(row)`, `reader()`.

pub mod layout;
pub mod search;
