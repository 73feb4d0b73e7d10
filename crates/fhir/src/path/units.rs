//! Units of quantities: enough of UCUM to compare and multiply what records hold.
//!
//! A unit is a factor and the powers of seven base dimensions. Arbitrary units (`[iU]`), units on special scales (`Cel`) and
//! anything unknown are not reduced: they only compare with themselves.
//!
//! Source: UCUM 2.1, tables 1-3 in part.

use rust_decimal::Decimal;

/// A unit in base units: metre, second, gram, mole, candela, kelvin, ampere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reduced {
    pub(super) factor: Decimal,
    pub(super) powers: [i8; 7],
}

const PREFIXES: [(&str, i32); 16] = [
    ("da", 1),
    ("Y", 24),
    ("T", 12),
    ("G", 9),
    ("M", 6),
    ("k", 3),
    ("h", 2),
    ("d", -1),
    ("c", -2),
    ("m", -3),
    ("u", -6),
    ("n", -9),
    ("p", -12),
    ("f", -15),
    ("a", -18),
    ("z", -21),
];

/// Symbol, factor, powers, and whether prefixes may stand before it.
const ATOMS: [(&str, &str, [i8; 7], bool); 30] = [
    ("m", "1", [1, 0, 0, 0, 0, 0, 0], true),
    ("s", "1", [0, 1, 0, 0, 0, 0, 0], true),
    ("g", "1", [0, 0, 1, 0, 0, 0, 0], true),
    ("mol", "1", [0, 0, 0, 1, 0, 0, 0], true),
    ("cd", "1", [0, 0, 0, 0, 1, 0, 0], true),
    ("K", "1", [0, 0, 0, 0, 0, 1, 0], true),
    ("A", "1", [0, 0, 0, 0, 0, 0, 1], true),
    ("L", "0.001", [3, 0, 0, 0, 0, 0, 0], true),
    ("l", "0.001", [3, 0, 0, 0, 0, 0, 0], true),
    ("min", "60", [0, 1, 0, 0, 0, 0, 0], false),
    ("h", "3600", [0, 1, 0, 0, 0, 0, 0], false),
    ("d", "86400", [0, 1, 0, 0, 0, 0, 0], false),
    ("wk", "604800", [0, 1, 0, 0, 0, 0, 0], false),
    ("mo", "2629800", [0, 1, 0, 0, 0, 0, 0], false),
    ("a", "31557600", [0, 1, 0, 0, 0, 0, 0], false),
    ("Hz", "1", [0, -1, 0, 0, 0, 0, 0], true),
    ("N", "1000", [1, -2, 1, 0, 0, 0, 0], true),
    ("Pa", "1000", [-1, -2, 1, 0, 0, 0, 0], true),
    ("bar", "100000000", [-1, -2, 1, 0, 0, 0, 0], true),
    ("J", "1000", [2, -2, 1, 0, 0, 0, 0], true),
    ("W", "1000", [2, -3, 1, 0, 0, 0, 0], true),
    ("t", "1000000", [0, 0, 1, 0, 0, 0, 0], true),
    ("kat", "1", [0, -1, 0, 1, 0, 0, 0], true),
    ("U", "0.0000000166666666666667", [0, -1, 0, 1, 0, 0, 0], true),
    ("%", "0.01", [0; 7], false),
    ("[in_i]", "0.0254", [1, 0, 0, 0, 0, 0, 0], false),
    ("[ft_i]", "0.3048", [1, 0, 0, 0, 0, 0, 0], false),
    ("[lb_av]", "453.59237", [0, 0, 1, 0, 0, 0, 0], false),
    ("[oz_av]", "28.349523125", [0, 0, 1, 0, 0, 0, 0], false),
    ("[ppth]", "0.001", [0; 7], false),
];

/// Reduces a UCUM code such as `mg/dL`, `m2`, `kg.m/s2`, `10*3/uL`; `None` when a part is not known.
pub(super) fn reduce(code: &str) -> Option<Reduced> {
    const TERMS_MAX: usize = 8;
    let mut reduced = Reduced { factor: Decimal::ONE, powers: [0; 7] };
    let mut sign = 1;
    let mut rest = code;
    if let Some(after) = rest.strip_prefix('/') {
        (sign, rest) = (-1, after);
    }
    for _ in 0..TERMS_MAX {
        let end = rest.find(['.', '/']).unwrap_or(rest.len());
        apply(&mut reduced, rest.get(..end)?, sign)?;
        let mut after = rest.get(end..)?.chars();
        match after.next() {
            None => return Some(reduced),
            Some(separator) => sign = if separator == '/' { -1 } else { 1 },
        }
        rest = after.as_str();
    }
    None
}

/// Multiplies by one term: an atom with its power, a number, or a comment in braces.
fn apply(reduced: &mut Reduced, term: &str, sign: i8) -> Option<()> {
    let term = term.split('{').next()?;
    if term.is_empty() {
        return Some(());
    }
    let (factor, powers, power) = if let Some(exponent) =
        term.strip_prefix("10*").or_else(|| term.strip_prefix("10^"))
    {
        (Decimal::TEN, [0; 7], exponent.parse::<i8>().ok()?)
    } else if let Ok(number) = term.parse::<u32>() {
        (Decimal::from(number), [0; 7], 1)
    } else {
        let digits = term.rfind(|c: char| !c.is_ascii_digit() && c != '-' && c != '+').map(|at| at + 1)?;
        let (symbol, exponent) = (term.get(..digits)?, term.get(digits..)?);
        let power = if exponent.is_empty() { 1 } else { exponent.parse::<i8>().ok()? };
        let (factor, powers) = atom(symbol)?;
        (factor, powers, power)
    };
    if power.unsigned_abs() > 12 {
        return None;
    }
    let power = power * sign;
    for _ in 0..power.unsigned_abs() {
        reduced.factor = if power > 0 {
            reduced.factor.checked_mul(factor)?
        } else {
            reduced.factor.checked_div(factor).filter(|factor| !factor.is_zero())?
        };
    }
    for (sum, single) in reduced.powers.iter_mut().zip(powers) {
        *sum = sum.checked_add(single.checked_mul(power)?)?;
    }
    Some(())
}

fn atom(symbol: &str) -> Option<(Decimal, [i8; 7])> {
    let find = |symbol: &str| ATOMS.iter().find(|atom| atom.0 == symbol);
    if let Some((_, factor, powers, _)) = find(symbol) {
        return Some((factor.parse().ok()?, *powers));
    }
    for (prefix, exponent) in PREFIXES {
        if let Some((_, factor, powers, true)) = symbol.strip_prefix(prefix).and_then(find) {
            let scale = 10_i128.checked_pow(exponent.unsigned_abs())?;
            let scale = Decimal::from_i128_with_scale(scale, 0);
            let factor: Decimal = factor.parse().ok()?;
            let factor = if exponent > 0 { factor.checked_mul(scale)? } else { factor.checked_div(scale)? };
            return Some((factor, *powers)).filter(|(factor, _)| !factor.is_zero());
        }
    }
    None
}

/// Writes powers of base units as a code: what the product of two quantities is given in.
pub(super) fn code(powers: [i8; 7]) -> String {
    let symbols = ["m", "s", "g", "mol", "cd", "K", "A"];
    let mut parts = Vec::new();
    for (symbol, power) in symbols.into_iter().zip(powers) {
        match power {
            0 => {}
            1 => parts.push(symbol.to_owned()),
            power => parts.push(format!("{symbol}{power}")),
        }
    }
    if parts.is_empty() { "1".to_owned() } else { parts.join(".") }
}

/// The UCUM code of a calendar unit whose length is fixed.
pub(super) fn calendar_code(unit: &str) -> Option<&'static str> {
    Some(match unit {
        "week" => "wk",
        "day" => "d",
        "hour" => "h",
        "minute" => "min",
        "second" => "s",
        "millisecond" => "ms",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(left: &str, times: &str, right: &str) {
        let (left, right) = (reduce(left).unwrap(), reduce(right).unwrap());
        assert_eq!(left.powers, right.powers);
        assert_eq!(left.factor, right.factor * times.parse::<Decimal>().unwrap());
    }

    #[test]
    fn units_reduce_to_base_units() {
        same("kg", "1000", "g");
        same("mg/dL", "10", "mg/L");
        same("m2", "10000", "cm2");
        same("wk", "7", "d");
        same("mmol/L", "0.001", "mol/L");
        same("10*3/uL", "1000", "/uL");
        same("kg.m/s2", "1", "N");
        same("[lb_av]", "16", "[oz_av]");
    }

    #[test]
    fn unknown_units_are_not_reduced() {
        for unit in ["[iU]", "Cel", "lbs", "m99", "a.b.c.d.e.f.g.h.i.j", "mm[Hg]"] {
            assert_eq!(reduce(unit), None, "{unit}");
        }
    }
}
