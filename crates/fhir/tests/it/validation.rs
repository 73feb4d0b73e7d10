//! Validation held against data that others made.

use fhir::json::{Limits, parse};
use fhir::validate::validate;

use crate::corpus;

#[test]
fn r4_bundles_of_others_read_back_the_same_and_are_valid() {
    let Some(folder) = corpus::folder(2) else { return };
    for file in ["synthea-2024-r4.bundles.ndjson.gz", "smart-r4.bundles.ndjson.gz"] {
        for (index, line) in corpus::lines(folder.join(file)).iter().enumerate() {
            let bundle = parse(line.as_bytes(), &Limits::default()).unwrap();
            assert!(
                parse(&bundle.to_vec(), &Limits::default()).as_ref() == Ok(&bundle),
                "{file} line {index}"
            );
            let issues = validate(&bundle);
            assert!(issues.is_empty(), "{file} line {index}: {issues:#?}");
        }
    }
}
