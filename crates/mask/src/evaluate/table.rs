//! A report as a table.

use std::fmt;

use super::{Report, Share};

pub(super) fn write(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut line = |name: &str, share: Share| {
        writeln!(f, "{name:<22} {:>6.4} {:>7} of {}", share.ratio(), share.found, share.total)
    };
    let mut all = Share::default();
    for (label, share) in &report.labels {
        line(label, *share)?;
        all = Share { found: all.found + share.found, total: all.total + share.total };
    }
    line("all spans", all)?;
    line("documents clean", report.documents_clean)?;
    line("character precision", report.precision)?;
    if report.negatives_touched.total > 0 {
        line("negatives touched", report.negatives_touched)?;
        line("characters of them", report.negatives_covered)?;
    }
    Ok(())
}
