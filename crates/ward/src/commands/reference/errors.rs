//! `errors.md`: kinds of refusals, HTTP status, issue code.

use repository::ErrorKind;

/// The page.
pub(super) fn page() -> String {
    let mut out = super::title(
        "Errors",
        "Every refused request is answered with an `OperationOutcome`: `issue.code` for programs, `issue.details.text` \
         for people, `issue.expression` for the place. The texts name places and rules, never values.",
    );
    out.push_str("\n## From the store\n\n");
    let rows: Vec<Vec<String>> = ErrorKind::ALL
        .iter()
        .map(|kind| {
            vec![
                format!("{kind:?}"),
                server::status(*kind).as_u16().to_string(),
                format!("`{}`", kind.issue_type().as_str()),
                kind.advice().to_owned(),
            ]
        })
        .collect();
    out.push_str(&super::table(&["kind", "status", "issue code", "what to do"], &rows));
    out.push_str(
        "\nA check that finds several things lists each as an issue with a code of its own, such as `structure`, \
         `required`, `value` or `code-invalid`.\n\n## From the edge, before the store is asked\n\n",
    );
    let rows: Vec<Vec<String>> = server::FAULTS
        .iter()
        .map(|fault| {
            vec![
                fault.status.as_u16().to_string(),
                format!("`{}`", fault.code.as_str()),
                fault.meaning.to_owned(),
            ]
        })
        .collect();
    out.push_str(&super::table(&["status", "issue code", "when"], &rows));
    out
}
