//! One synthetic person, and what each feed calls them.

use crate::moment::Moment;
use crate::names::{self, Letters};
use crate::random::Random;

/// A person as the simulation knows them at one time.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) index: u64,
    pub(crate) given: String,
    pub(crate) middle: String,
    pub(crate) family: String,
    pub(crate) letters: Letters,
    /// `F`, `M`, or seldom `O` or `U` (table 0001).
    pub(crate) sex: char,
    pub(crate) birth: Moment,
    pub(crate) street: String,
    pub(crate) town: String,
    pub(crate) postal_code: String,
    /// Last four digits of the telephone at home; `None` once the sender has cleared it.
    pub(crate) telephone: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) deceased: Option<Moment>,
    /// The hospital's number.
    pub(crate) mrn: String,
    pub(crate) laboratory_number: String,
    pub(crate) clinic_number: String,
}

impl Person {
    pub(crate) fn new(index: u64, random: &mut Random) -> Self {
        let (given, middle, family, letters) = names::name(random);
        let (street, town, postal_code) = names::address(random);
        let age_days = random.between(30, 92 * 365);
        let sex = *random.pick(&['F', 'F', 'F', 'F', 'F', 'M', 'M', 'M', 'M', 'M', 'O', 'U']);
        let email = random.chance(50).then(|| format!("person{index}@mail.example"));
        Self {
            index,
            given,
            middle,
            family,
            letters,
            sex,
            birth: Moment::START.plus_minutes(-age_days * 24 * 60),
            street,
            town,
            postal_code,
            telephone: Some(names::telephone(random)),
            email,
            deceased: None,
            mrn: with_check_digit(100_000 + index * 2),
            laboratory_number: format!("L{}", with_check_digit(500_000 + index)),
            clinic_number: format!("C-{:06}", 7 * index + 3),
        }
    }

    /// The number of a second record that was made for the same person by mistake.
    pub(crate) fn mistaken_mrn(&self) -> String {
        with_check_digit(100_000 + self.index * 2 + 1)
    }

    pub(crate) fn fhir_gender(&self) -> &'static str {
        match self.sex {
            'F' => "female",
            'M' => "male",
            'O' => "other",
            _ => "unknown",
        }
    }
}

/// Appends a Luhn (modulus 10) check digit.
pub(crate) fn with_check_digit(number: u64) -> String {
    let digits = number.to_string();
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(index, byte)| {
            let digit = u32::from(byte - b'0');
            if index % 2 == 1 {
                return digit;
            }
            let doubled = digit * 2;
            if doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

#[cfg(test)]
mod tests {
    use super::with_check_digit;

    #[test]
    fn check_digits_are_luhns() {
        assert_eq!(with_check_digit(7_992_739_871), "79927398713");
    }
}
