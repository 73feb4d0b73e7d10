//! Places on earth: `near` on Location, its distances, and the cells that an index finds candidates by.
//!
//! The earth is taken as a sphere with its mean radius, which is right to half a per cent. Cells are those of four grids
//! over latitude and longitude; a place lies in one cell of each. [`Near::cells`] gives cells that together hold every place
//! within the distance, poles and the antimeridian included; [`Near::holds`] decides.
//!
//! Source: FHIR R4 Location, "Positional Searching"; UCUM for units.

use crate::json::Value;

/// The mean radius of the earth (IUGG).
const RADIUS_KM: f64 = 6_371.008_8;
/// How near is near, where a request gives no distance.
const DISTANCE_DEFAULT_KM: f64 = 50.0;
/// The sides of the grids' cells in degrees, finest first. Durable: cells stand in index keys.
const GRIDS_DEGREES: [f64; 4] = [0.01, 0.1, 1.0, 10.0];
/// Cells that a search looks into; where there would be more, a coarser grid is taken.
const CELLS_MAX: usize = 64;
/// Degrees added on each side, far more than the error of the arithmetic.
const SLACK_DEGREES: f64 = 1e-6;

/// A place: degrees north and east.
#[derive(Clone, Copy, PartialEq)]
pub struct Position {
    latitude: f64,
    longitude: f64,
}

/// A cell of one of the grids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// Which grid, from the finest on.
    pub grid: u8,
    /// Cells from the south pole.
    pub row: u16,
    /// Cells eastwards from the antimeridian.
    pub column: u16,
}

/// What `near` asks for.
#[derive(Clone, Copy, PartialEq)]
pub struct Near {
    center: Position,
    distance_km: f64,
}

impl std::fmt::Debug for Position {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Position(…)")
    }
}

impl std::fmt::Debug for Near {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Near(…)")
    }
}

impl Position {
    /// A place; `None` unless the latitude is within 90 degrees and the longitude within 180.
    #[must_use]
    pub fn new(latitude: f64, longitude: f64) -> Option<Self> {
        let valid = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        valid.then_some(Self { latitude, longitude })
    }

    /// Reads `Location.position`.
    #[must_use]
    pub fn of(position: &Value) -> Option<Self> {
        let degrees = |member| position.get(member)?.as_number()?.as_str().parse::<f64>().ok();
        Self::new(degrees("latitude")?, degrees("longitude")?)
    }

    /// The cell of each grid that the place lies in.
    pub fn cells(self) -> impl Iterator<Item = Cell> {
        (0..).zip(GRIDS_DEGREES).map(move |(grid, side)| Cell {
            grid,
            row: place((self.latitude + 90.0) / side),
            // Both names of the antimeridian are one.
            column: place(if self.longitude >= 180.0 { 0.0 } else { (self.longitude + 180.0) / side }),
        })
    }

    /// The distance along the surface of the earth.
    #[must_use]
    pub fn distance_km(self, other: Self) -> f64 {
        let half = |from: f64, to: f64| ((to - from).to_radians() / 2.0).sin().powi(2);
        let across = self.latitude.to_radians().cos() * other.latitude.to_radians().cos();
        let chord = half(self.latitude, other.latitude) + across * half(self.longitude, other.longitude);
        2.0 * RADIUS_KM * chord.sqrt().min(1.0).asin()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most 36,000 cells lie in a row"
)]
fn place(cells: f64) -> u16 {
    cells.floor().clamp(0.0, 65_535.0) as u16
}

impl Near {
    /// Reads `latitude|longitude|distance|units`; distance and units may be left out.
    ///
    /// # Errors
    /// What is expected, for a person.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let parts: Vec<&str> = text.split('|').map(str::trim).collect();
        let (latitude, longitude, distance, unit) = match parts.as_slice() {
            [latitude, longitude] => (*latitude, *longitude, "", ""),
            [latitude, longitude, distance] => (*latitude, *longitude, *distance, ""),
            [latitude, longitude, distance, unit] => (*latitude, *longitude, *distance, *unit),
            _ => return Err("`latitude|longitude|distance|units` is expected"),
        };
        let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
        let center =
            number(latitude).zip(number(longitude)).and_then(|(north, east)| Position::new(north, east));
        let center = center.ok_or("a latitude within 90 degrees and a longitude within 180 are expected")?;
        if distance.is_empty() {
            return Ok(Self { center, distance_km: DISTANCE_DEFAULT_KM });
        }
        let distance =
            number(distance).filter(|distance| *distance >= 0.0).ok_or("a distance is expected")?;
        let kilometres =
            kilometres(unit).ok_or("a UCUM unit of length is expected, such as `km` or `[mi_us]`")?;
        Ok(Self { center, distance_km: distance * kilometres })
    }

    /// Whether a place is near.
    #[must_use]
    pub fn holds(&self, position: Position) -> bool {
        self.center.distance_km(position) <= self.distance_km
    }

    /// Cells of one grid in which every near place lies; `None` if they are too many, so that every place has to be looked at.
    #[must_use]
    pub fn cells(&self) -> Option<Vec<Cell>> {
        (0..).zip(GRIDS_DEGREES).find_map(|(grid, side)| self.cells_of(grid, side))
    }

    fn cells_of(&self, grid: u8, side: f64) -> Option<Vec<Cell>> {
        let angle = self.distance_km / RADIUS_KM;
        let reach = angle.to_degrees() + SLACK_DEGREES;
        let (south, north) = (self.center.latitude - reach, self.center.latitude + reach);
        // A circle that holds a pole holds every longitude; one that does not touches its meridians off its centre.
        let across = if south <= -90.0 || north >= 90.0 {
            180.0
        } else {
            let ratio =
                angle.min(std::f64::consts::FRAC_PI_2).sin() / self.center.latitude.to_radians().cos();
            if ratio >= 1.0 { 180.0 } else { ratio.asin().to_degrees() + SLACK_DEGREES }
        };
        let columns_all = (360.0 / side).round();
        let rows = place((south.max(-90.0) + 90.0) / side)..=place((north.min(90.0) + 90.0) / side);
        let (west, east) = (self.center.longitude - across, self.center.longitude + across);
        let (first, last) = (((west + 180.0) / side).floor(), ((east + 180.0) / side).floor());
        let count = (last - first + 1.0).min(columns_all);
        if f64::from(rows.end() - rows.start() + 1) * count > CELLS_MAX as f64 {
            return None;
        }
        let columns: Vec<u16> =
            (0..place(count)).map(|step| place((first + f64::from(step)).rem_euclid(columns_all))).collect();
        Some(
            rows.flat_map(|row| columns.iter().map(move |column| Cell { grid, row, column: *column }))
                .collect(),
        )
    }
}

/// How many kilometres a UCUM unit of length is; kilometres are meant where there is none.
fn kilometres(unit: &str) -> Option<f64> {
    Some(match unit {
        "" | "km" => 1.0,
        "m" => 1e-3,
        "dm" => 1e-4,
        "cm" => 1e-5,
        "mm" => 1e-6,
        "dam" => 1e-2,
        "hm" => 1e-1,
        "Mm" => 1e3,
        "[in_i]" => 2.54e-5,
        "[ft_i]" => 3.048e-4,
        "[yd_i]" => 9.144e-4,
        "[fth_i]" => 1.828_8e-3,
        "[mi_i]" => 1.609_344,
        "[nmi_i]" => 1.852,
        "[in_us]" => 1e-1 / 3937.0,
        "[ft_us]" => 1.2 / 3937.0,
        "[yd_us]" => 3.6 / 3937.0,
        "[rd_us]" => 19.8 / 3937.0,
        "[fur_us]" => 792.0 / 3937.0,
        "[mi_us]" => 6336.0 / 3937.0,
        "[ft_br]" => 3.047_997_5e-4,
        "[yd_br]" => 9.143_992_5e-4,
        "[mi_br]" => 1.609_342_68,
        "[nmi_br]" => 1.853_181_6,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(latitude: f64, longitude: f64) -> Position {
        Position::new(latitude, longitude).unwrap()
    }

    #[test]
    fn distances_are_those_of_the_globe() {
        for (from, to, expected) in [
            ((52.52, 13.405), (48.137, 11.575), 504.4),
            ((0.0, 179.9), (0.0, -179.9), 22.24),
            ((90.0, 0.0), (90.0, 120.0), 0.0),
            ((90.0, 0.0), (-90.0, 0.0), 20_015.1),
            ((42.25, -83.69), (42.25, -83.69), 0.0),
        ] {
            let found = at(from.0, from.1).distance_km(at(to.0, to.1));
            assert!((found - expected).abs() < 0.1, "{from:?} to {to:?}: {found}");
        }
    }

    #[test]
    fn a_value_has_two_to_four_parts_and_a_unit_of_length() {
        for (text, kilometres) in [
            ("42.256500|-83.694810|11.20|km", 11.2),
            ("42.2565|-83.69481", 50.0),
            ("42.2565|-83.69481|10", 10.0),
            ("42|-83|0|m", 0.0),
            ("42|-83|1|[mi_us]", 1.609_347),
            ("42|-83|1|[mi_i]", 1.609_344),
            ("42|-83|5280|[ft_i]", 1.609_344),
            ("42|-83||", 50.0),
        ] {
            let near = Near::parse(text).unwrap();
            assert!((near.distance_km - kilometres).abs() < 1e-6, "{text}");
        }
        for text in [
            "",
            "1",
            "91|0",
            "0|181",
            "a|b",
            "1|2|-3",
            "1|2|3|kg",
            "1|2|3|mi",
            "1|2|3|km|5",
            "NaN|1",
            "1|2|inf",
        ] {
            assert!(Near::parse(text).is_err(), "{text}");
        }
    }

    fn cells_hold(center: Position, distance_km: f64, other: Position) {
        let near = Near { center, distance_km };
        if let Some(cells) = near.cells().filter(|_| near.holds(other)) {
            assert!(cells.len() <= CELLS_MAX);
            let in_one = other.cells().any(|cell| cells.contains(&cell));
            assert!(
                in_one,
                "{:?} {distance_km} {:?}",
                (center.latitude, center.longitude),
                (other.latitude, other.longitude)
            );
        }
    }

    #[test]
    fn cells_reach_over_poles_and_antimeridian() {
        for (center, distance, other) in [
            ((0.0, 179.99), 10.0, (0.0, -179.99)),
            ((0.0, -180.0), 10.0, (0.0, 180.0)),
            ((89.99, 0.0), 10.0, (89.99, 180.0)),
            ((-90.0, 0.0), 100.0, (-89.5, -77.0)),
            ((90.0, 0.0), 0.0, (90.0, 99.0)),
            ((60.0, 0.0), 3300.0, (70.0, 70.0)),
        ] {
            let (center, other) = (at(center.0, center.1), at(other.0, other.1));
            assert!(Near { center, distance_km: distance + 1e-9 }.holds(other));
            cells_hold(center, distance + 1e-9, other);
        }
        let near = Near { center: at(47.0, 8.0), distance_km: 5.0 };
        assert!(
            near.cells().is_some_and(|cells| cells.iter().all(|cell| cell.grid <= 1)),
            "small circles use fine cells"
        );
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2000))]
        #[test]
        fn a_near_place_lies_in_a_cell_of_the_search(
            latitude in -90.0..=90.0_f64, longitude in -180.0..=180.0_f64,
            north in -1.0..=1.0_f64, east in -1.0..=1.0_f64, scale in 0..5_i32, distance in 0.0..=1.0_f64,
        ) {
            let size = 0.01 * 10.0_f64.powi(scale);
            let other = at((latitude + north * size).clamp(-90.0, 90.0), (longitude + east * size).clamp(-180.0, 180.0));
            cells_hold(at(latitude, longitude), distance * size * 111.0, other);
        }
    }
}
