//! What of the findings counts, by profile.

use crate::{Entity, Kind, Profile, Reason};

/// Findings below this score are dropped.
fn least_score(profile: Profile) -> f32 {
    match profile {
        Profile::MaxRecall => 0.2,
        Profile::SafeHarbor | Profile::LimitedDataset => 0.5,
        Profile::SearchSafe => 0.7,
    }
}

/// Drops what does not count.
pub(super) fn keep(entities: &mut Vec<Entity>, profile: Profile) {
    let least = least_score(profile);
    entities.retain(|entity| {
        // Few organisations are employers, so it takes more to count as one.
        let least = if entity.kind == Kind::Organization { least.midpoint(1.0) } else { least };
        let sure = matches!(entity.reason, Reason::Known | Reason::Custom(_)) || entity.score >= least;
        sure && counts(entity, profile)
    });
}

fn counts(entity: &Entity, profile: Profile) -> bool {
    match profile {
        // Names of employers must go, too: 45 CFR 164.514(b)(2)(i), and (e)(2) below.
        Profile::MaxRecall | Profile::SafeHarbor => true,
        Profile::SearchSafe => {
            entity.kind != Kind::Organization || matches!(entity.reason, Reason::Known | Reason::Custom(_))
        }
        // 45 CFR 164.514(e)(2) names what must go; town, city, state, ZIP code, dates and ages are not in its list.
        Profile::LimitedDataset => match entity.kind {
            Kind::Date | Kind::Age | Kind::Zip => false,
            Kind::Location => !is_town(&entity.reason),
            _ => true,
        },
    }
}

/// Whether a place was found as a town, state or country rather than as a street or facility.
fn is_town(reason: &Reason) -> bool {
    matches!(reason, Reason::Gazetteer("city" | "country") | Reason::Context("state" | "town"))
}
