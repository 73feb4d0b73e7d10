//! One file a segment: its fields to FHIR elements.

pub(crate) mod al1;
pub(crate) mod dg1;
pub(crate) mod header;
pub(crate) mod in1;
pub(crate) mod mrg;
pub(crate) mod nk1;
pub(crate) mod nte;
pub(crate) mod obr;
pub(crate) mod obx;
pub(crate) mod orc;
pub(crate) mod pid;
pub(crate) mod pr1;
pub(crate) mod pv1;
pub(crate) mod rol;
pub(crate) mod spm;
pub(crate) mod ties;
