//! `search.tsv` and `compartments.tsv`.
//!
//! ```text
//! NUMBER    SHORT ID    CODE    TYPE    TARGET|TARGET, Resource for any, or -
//! <tab>BASE    EXPRESSION or -
//! <tab>+    SHORT ID OF A COMPONENT    EXPRESSION
//! ```
//! A number stands for its parameter in stored index keys: it is kept from the committed table and never given to another
//! parameter. One that the source no longer has keeps its line with the type `retired`.
//!
//! `compartments.tsv`: `COMPARTMENT    TYPE    CODE    CODE ...`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::{Source, list, tail, text, texts};

pub(super) fn table(source: &Source, committed: &str) -> Result<String, String> {
    let mut numbers: BTreeMap<String, (u16, String)> = BTreeMap::new();
    for line in committed.lines().filter(|line| !line.starts_with(['#', '\t'])) {
        let mut cells = line.split('\t');
        let (Some(number), Some(id), Some(code)) = (cells.next(), cells.next(), cells.next()) else {
            continue;
        };
        let number = number.parse().map_err(|_| format!("`{number}` in the committed table is no number"))?;
        numbers.insert(id.to_owned(), (number, code.to_owned()));
    }
    let is_concrete = |s: &&Value| text(s, "kind") == "resource" && s["abstract"] == false;
    let concrete = source.structures.iter().filter(is_concrete).count();
    let mut next = numbers.values().map(|(number, _)| *number).max().unwrap_or_default() + 1;
    let mut lines: BTreeMap<u16, String> = BTreeMap::new();
    for parameter in &source.search_parameters {
        let id = tail(text(parameter, "url"));
        let number = numbers.remove(id).map_or_else(
            || {
                next += 1;
                next - 1
            },
            |(number, _)| number,
        );
        lines.insert(number, parameter_lines(number, id, parameter, concrete)?);
    }
    for (id, (number, code)) in numbers {
        println!("retired: {id}");
        lines.insert(number, format!("{number}\t{id}\t{code}\tretired\t-\n"));
    }
    Ok(lines.into_values().collect())
}

fn parameter_lines(number: u16, id: &str, parameter: &Value, concrete: usize) -> Result<String, String> {
    let targets = texts(parameter, "target");
    let targets = match targets.len() {
        0 => "-".to_owned(),
        // All of them, which would fill the table. `Parameters` is never stored, so lists leave it out.
        count if count + 1 >= concrete => "Resource".to_owned(),
        _ => targets.join("|"),
    };
    let (code, kind) = (text(parameter, "code"), text(parameter, "type"));
    let mut out = format!("{number}\t{id}\t{code}\t{kind}\t{targets}\n");
    let expression = text(parameter, "expression");
    let bases = texts(parameter, "base");
    for base in &bases {
        let own = if bases.len() == 1 { one_line(expression) } else { operands_of(expression, base) };
        if own.is_empty() && !expression.is_empty() {
            println!("no part of {id}'s expression begins with {base}; kept whole");
        }
        let own = if own.is_empty() { one_line(expression) } else { own };
        writeln!(out, "\t{base}\t{}", if own.is_empty() { "-" } else { &own }).map_err(|e| e.to_string())?;
    }
    for component in list(parameter, "component") {
        let (definition, expression) = (tail(text(component, "definition")), text(component, "expression"));
        writeln!(out, "\t+\t{definition}\t{}", one_line(expression)).map_err(|e| e.to_string())?;
    }
    Ok(out)
}

fn one_line(expression: &str) -> String {
    expression.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The operands of the outermost `|` that begin with the type `base`.
fn operands_of(expression: &str, base: &str) -> String {
    let mut depth = 0_i32;
    let mut quoted = false;
    let operands = expression.split(|letter| {
        quoted ^= letter == '\'';
        depth += match letter {
            '(' if !quoted => 1,
            ')' if !quoted => -1,
            _ => 0,
        };
        letter == '|' && depth == 0 && !quoted
    });
    let own = operands.map(str::trim).filter(|operand| {
        let start = operand.trim_start_matches(['(', ' ']);
        start.split(|letter: char| !letter.is_ascii_alphanumeric()).next() == Some(base)
    });
    own.map(one_line).collect::<Vec<_>>().join(" | ")
}

pub(super) fn compartments(source: &Source) -> Result<String, String> {
    let mut out = String::new();
    for compartment in &source.compartments {
        for resource in list(compartment, "resource") {
            let codes = texts(resource, "param");
            if !codes.is_empty() {
                let (name, of) = (text(compartment, "code"), text(resource, "code"));
                writeln!(out, "{name}\t{of}\t{}", codes.join("\t")).map_err(|error| error.to_string())?;
            }
        }
    }
    Ok(out)
}
