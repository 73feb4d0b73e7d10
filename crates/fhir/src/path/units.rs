//! Units of quantities: enough of UCUM to compare and multiply what records hold.
//!
//! A unit is a fraction and the powers of eight base dimensions, the international unit being one of its own. Other arbitrary
//! units (`[arb'U]`), logarithmic scales (`[pH]`) and anything unknown are not reduced: they only compare with themselves.
//!
//! Source: UCUM 2.1, the tables in part.

use rust_decimal::Decimal;

/// A unit in base units: metre, second, gram, mole, candela, kelvin, ampere, international unit. A value of it is
/// `(value + offset) * factor / divisor` of them; numerator and divisor stand apart so that hours and minutes stay exact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reduced {
    pub(super) factor: Decimal,
    pub(super) divisor: Decimal,
    /// What is added first: 273.15 for degrees Celsius. Zero for all but temperatures that stand alone.
    pub(super) offset: Decimal,
    pub(super) powers: Powers,
}

/// The powers of the base units.
pub(super) type Powers = [i8; 8];

const PREFIXES: [(&str, i32); 20] = [
    ("da", 1),
    ("Y", 24),
    ("Z", 21),
    ("E", 18),
    ("P", 15),
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
    ("y", -24),
];

/// Symbol, factor, powers, and whether prefixes may stand before it.
const ATOMS: &[(&str, &str, Powers, bool)] = &[
    ("m", "1", [1, 0, 0, 0, 0, 0, 0, 0], true),
    ("s", "1", [0, 1, 0, 0, 0, 0, 0, 0], true),
    ("g", "1", [0, 0, 1, 0, 0, 0, 0, 0], true),
    ("mol", "1", [0, 0, 0, 1, 0, 0, 0, 0], true),
    ("cd", "1", [0, 0, 0, 0, 1, 0, 0, 0], true),
    ("K", "1", [0, 0, 0, 0, 0, 1, 0, 0], true),
    ("A", "1", [0, 0, 0, 0, 0, 0, 1, 0], true),
    ("[iU]", "1", [0, 0, 0, 0, 0, 0, 0, 1], true),
    ("[IU]", "1", [0, 0, 0, 0, 0, 0, 0, 1], true),
    ("L", "0.001", [3, 0, 0, 0, 0, 0, 0, 0], true),
    ("l", "0.001", [3, 0, 0, 0, 0, 0, 0, 0], true),
    ("min", "60", [0, 1, 0, 0, 0, 0, 0, 0], false),
    ("h", "3600", [0, 1, 0, 0, 0, 0, 0, 0], false),
    ("d", "86400", [0, 1, 0, 0, 0, 0, 0, 0], false),
    ("wk", "604800", [0, 1, 0, 0, 0, 0, 0, 0], false),
    ("mo", "2629800", [0, 1, 0, 0, 0, 0, 0, 0], false),
    ("a", "31557600", [0, 1, 0, 0, 0, 0, 0, 0], false),
    ("Hz", "1", [0, -1, 0, 0, 0, 0, 0, 0], true),
    ("Bq", "1", [0, -1, 0, 0, 0, 0, 0, 0], true),
    ("Ci", "37000000000", [0, -1, 0, 0, 0, 0, 0, 0], true),
    ("N", "1000", [1, -2, 1, 0, 0, 0, 0, 0], true),
    ("dyn", "0.01", [1, -2, 1, 0, 0, 0, 0, 0], true),
    ("Pa", "1000", [-1, -2, 1, 0, 0, 0, 0, 0], true),
    ("bar", "100000000", [-1, -2, 1, 0, 0, 0, 0, 0], true),
    ("atm", "101325000", [-1, -2, 1, 0, 0, 0, 0, 0], false),
    ("m[Hg]", "133322000", [-1, -2, 1, 0, 0, 0, 0, 0], true),
    ("m[H2O]", "9806650", [-1, -2, 1, 0, 0, 0, 0, 0], true),
    ("J", "1000", [2, -2, 1, 0, 0, 0, 0, 0], true),
    ("cal", "4184", [2, -2, 1, 0, 0, 0, 0, 0], true),
    ("cal_th", "4184", [2, -2, 1, 0, 0, 0, 0, 0], true),
    ("[Cal]", "4184000", [2, -2, 1, 0, 0, 0, 0, 0], false),
    ("erg", "0.0001", [2, -2, 1, 0, 0, 0, 0, 0], true),
    ("W", "1000", [2, -3, 1, 0, 0, 0, 0, 0], true),
    ("V", "1000", [2, -3, 1, 0, 0, 0, -1, 0], true),
    ("Ohm", "1000", [2, -3, 1, 0, 0, 0, -2, 0], true),
    ("S", "0.001", [-2, 3, -1, 0, 0, 0, 2, 0], true),
    ("F", "0.001", [-2, 4, -1, 0, 0, 0, 2, 0], true),
    ("C", "1", [0, 1, 0, 0, 0, 0, 1, 0], true),
    ("Wb", "1000", [2, -2, 1, 0, 0, 0, -1, 0], true),
    ("T", "1000", [0, -2, 1, 0, 0, 0, -1, 0], true),
    ("H", "1000", [2, -2, 1, 0, 0, 0, -2, 0], true),
    ("Gy", "1", [2, -2, 0, 0, 0, 0, 0, 0], true),
    ("Sv", "1", [2, -2, 0, 0, 0, 0, 0, 0], true),
    ("RAD", "0.01", [2, -2, 0, 0, 0, 0, 0, 0], true),
    ("REM", "0.01", [2, -2, 0, 0, 0, 0, 0, 0], true),
    ("t", "1000000", [0, 0, 1, 0, 0, 0, 0, 0], true),
    ("eq", "1", [0, 0, 0, 1, 0, 0, 0, 0], true),
    ("osm", "1", [0, 0, 0, 1, 0, 0, 0, 0], true),
    ("kat", "1", [0, -1, 0, 1, 0, 0, 0, 0], true),
    ("%", "0.01", [0; 8], false),
    ("[ppth]", "0.001", [0; 8], false),
    ("[ppm]", "0.000001", [0; 8], false),
    ("[ppb]", "0.000000001", [0; 8], false),
    ("Ao", "0.0000000001", [1, 0, 0, 0, 0, 0, 0, 0], false),
    ("[in_i]", "0.0254", [1, 0, 0, 0, 0, 0, 0, 0], false),
    ("[ft_i]", "0.3048", [1, 0, 0, 0, 0, 0, 0, 0], false),
    ("[yd_i]", "0.9144", [1, 0, 0, 0, 0, 0, 0, 0], false),
    ("[mi_i]", "1609.344", [1, 0, 0, 0, 0, 0, 0, 0], false),
    ("[gr]", "0.06479891", [0, 0, 1, 0, 0, 0, 0, 0], false),
    ("[oz_av]", "28.349523125", [0, 0, 1, 0, 0, 0, 0, 0], false),
    ("[lb_av]", "453.59237", [0, 0, 1, 0, 0, 0, 0, 0], false),
    ("[stone_av]", "6350.29318", [0, 0, 1, 0, 0, 0, 0, 0], false),
    ("[tsp_us]", "0.00000492892159375", [3, 0, 0, 0, 0, 0, 0, 0], false),
    ("[tbs_us]", "0.00001478676478125", [3, 0, 0, 0, 0, 0, 0, 0], false),
    ("[foz_us]", "0.0000295735295625", [3, 0, 0, 0, 0, 0, 0, 0], false),
    ("[cup_us]", "0.0002365882365", [3, 0, 0, 0, 0, 0, 0, 0], false),
    ("[pt_us]", "0.000473176473", [3, 0, 0, 0, 0, 0, 0, 0], false),
    ("[qt_us]", "0.000946352946", [3, 0, 0, 0, 0, 0, 0, 0], false),
    ("[gal_us]", "0.003785411784", [3, 0, 0, 0, 0, 0, 0, 0], false),
    ("[drp]", "0.00000005", [3, 0, 0, 0, 0, 0, 0, 0], false),
];

/// One kelvin, and nothing else.
const KELVIN: Powers = [0, 0, 0, 0, 0, 1, 0, 0];

/// A scale whose zero is not the base unit's; it only means something when it stands alone.
fn temperature(code: &str) -> Option<Reduced> {
    let (offset, factor, divisor) = match code {
        "Cel" => ("273.15", 1, 1),
        "[degF]" => ("459.67", 5, 9),
        _ => return None,
    };
    Some(Reduced {
        factor: Decimal::from(factor),
        divisor: Decimal::from(divisor),
        offset: offset.parse().ok()?,
        powers: KELVIN,
    })
}

/// Reduces a UCUM code such as `mg/dL`, `m2`, `kg.m/s2`, `10*3/uL`; `None` when a part is not known.
pub(super) fn reduce(code: &str) -> Option<Reduced> {
    const TERMS_MAX: usize = 8;
    if let Some(temperature) = temperature(code) {
        return Some(temperature);
    }
    let mut reduced =
        Reduced { factor: Decimal::ONE, divisor: Decimal::ONE, offset: Decimal::ZERO, powers: [0; 8] };
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

/// The powers of base units that a UCUM code stands for; codes with the same powers can be converted to each other. `None`
/// for a code that is not known.
#[must_use]
pub fn unit_dimension(code: &str) -> Option<[i8; 8]> {
    reduce(code).map(|reduced| reduced.powers)
}

/// Converts a value from one UCUM unit to another: exactly where the result has no more than 28 digits, else rounded.
/// `None` if the units are not known or measure different things, and where the numbers become too large.
#[must_use]
pub fn convert_unit(value: Decimal, from: &str, to: &str) -> Option<Decimal> {
    let (from, to) = (reduce(from)?, reduce(to)?);
    if from.powers != to.powers {
        return None;
    }
    let value = value.checked_add(from.offset)?;
    let (up, down) = (from.factor.checked_mul(to.divisor)?, from.divisor.checked_mul(to.factor)?);
    let ratio = up.checked_div(down)?;
    let converted = if ratio.checked_mul(down)? == up {
        value.checked_mul(ratio)?
    } else {
        value.checked_mul(up)?.checked_div(down)?
    };
    converted.checked_sub(to.offset)
}

/// Multiplies by one term: an atom with its power, a number, or a comment in braces.
fn apply(reduced: &mut Reduced, term: &str, sign: i8) -> Option<()> {
    let term = term.split('{').next()?;
    if term.is_empty() {
        return Some(());
    }
    let (factor, divisor, powers, power) = if let Some(exponent) =
        term.strip_prefix("10*").or_else(|| term.strip_prefix("10^"))
    {
        (Decimal::TEN, Decimal::ONE, [0; 8], exponent.parse::<i8>().ok()?)
    } else if let Ok(number) = term.parse::<u32>() {
        (Decimal::from(number), Decimal::ONE, [0; 8], 1)
    } else {
        let digits = term.rfind(|c: char| !c.is_ascii_digit() && c != '-' && c != '+').map(|at| at + 1)?;
        let (symbol, exponent) = (term.get(..digits)?, term.get(digits..)?);
        let power = if exponent.is_empty() { 1 } else { exponent.parse::<i8>().ok()? };
        let (factor, divisor, powers) = atom(symbol)?;
        (factor, divisor, powers, power)
    };
    if power.unsigned_abs() > 12 {
        return None;
    }
    let power = power * sign;
    for _ in 0..power.unsigned_abs() {
        let (above, below) = if power > 0 { (factor, divisor) } else { (divisor, factor) };
        reduced.factor = exact(reduced.factor, above)?;
        reduced.divisor = exact(reduced.divisor, below)?;
    }
    for (sum, single) in reduced.powers.iter_mut().zip(powers) {
        *sum = sum.checked_add(single.checked_mul(power)?)?;
    }
    Some(())
}

/// The product, if it needs no more digits than there are.
fn exact(left: Decimal, right: Decimal) -> Option<Decimal> {
    let product = left.checked_mul(right)?;
    (!product.is_zero()).then(|| product.normalize())
}

/// Factor, divisor and powers of an atom with or without a prefix.
fn atom(symbol: &str) -> Option<(Decimal, Decimal, Powers)> {
    // An enzyme unit is a micromole a minute.
    let find = |symbol: &str| match symbol {
        "U" => Some((Decimal::new(1, 6), Decimal::from(60), [0, -1, 0, 1, 0, 0, 0, 0], true)),
        _ => {
            let (_, factor, powers, prefixes) = ATOMS.iter().find(|atom| atom.0 == symbol)?;
            Some((factor.parse().ok()?, Decimal::ONE, *powers, *prefixes))
        }
    };
    if let Some((factor, divisor, powers, _)) = find(symbol) {
        return Some((factor, divisor, powers));
    }
    for (prefix, exponent) in PREFIXES {
        if let Some((factor, divisor, powers, true)) = symbol.strip_prefix(prefix).and_then(find) {
            let scale = Decimal::from_i128_with_scale(10_i128.checked_pow(exponent.unsigned_abs())?, 0);
            return if exponent > 0 {
                Some((exact(factor, scale)?, divisor, powers))
            } else {
                Some((factor, exact(divisor, scale)?, powers))
            };
        }
    }
    None
}

/// Writes powers of base units as a code: what the product of two quantities is given in.
pub(super) fn code(powers: Powers) -> String {
    let symbols = ["m", "s", "g", "mol", "cd", "K", "A", "[iU]"];
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
        assert_eq!(
            left.factor * right.divisor,
            right.factor * left.divisor * times.parse::<Decimal>().unwrap()
        );
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
        same("mm[Hg]", "133.322", "Pa");
        same("U/L", "1", "umol/min/L");
        same("m[iU]/mL", "1", "[iU]/L");
        same("meq/L", "1", "mmol/L");
        same("kg/m2", "1000", "g/m2");
    }

    #[test]
    fn unknown_units_are_not_reduced() {
        for unit in ["[arb'U]", "Cel/min", "lbs", "m99", "a.b.c.d.e.f.g.h.i.j", "[pH]"] {
            assert_eq!(reduce(unit), None, "{unit}");
        }
    }
}
