//! `cli.md`: each command's own help.

use clap::CommandFactory;

use crate::Cli;

/// What the exit codes mean; scripts rely on them.
const EXIT_CODES: &[(&str, &str)] = &[
    ("0", "The work is done; for a check: everything holds."),
    ("1", "The work failed, or a check found something. stderr says what, and often a hint."),
    ("2", "The command was called in a way that cannot work."),
];

/// The page.
pub(super) fn page() -> String {
    let mut out = super::title(
        "Command line",
        "Data goes to stdout, everything else to stderr. Errors are one line, then often a line `hint: …`.",
    );
    out.push_str("\n## Exit codes\n\n");
    let rows: Vec<_> =
        EXIT_CODES.iter().map(|(code, meaning)| vec![(*code).to_owned(), (*meaning).to_owned()]).collect();
    out.push_str(&super::table(&["code", "meaning"], &rows));
    let mut command = Cli::command().term_width(100);
    command.build();
    section(&mut command, &mut out);
    out
}

fn section(command: &mut clap::Command, out: &mut String) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name()).to_owned();
    let help = command.clone().term_width(100).render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    out.push_str(&format!("\n## `{name}`\n\n```text\n{}\n```\n", help.join("\n").trim_end()));
    for child in command.get_subcommands_mut().filter(|one| !one.is_hide_set() && one.get_name() != "help") {
        section(child, out);
    }
}
