//! Message structures (MSH-9.3) by message code and trigger event.

/// The structure of a message by its code and event, where table 0354 gives one that is not just `CODE_EVENT`.
///
/// Senders leave MSH-9.3 out or fill it wrongly, so this table goes before it.
///
/// Source: HL7 v2.5.1-2.8, table 0354.
pub fn structure_of(code: &str, event: &str) -> Option<&'static str> {
    let row = TABLE
        .iter()
        .find(|(table_code, _, events)| *table_code == code && events.split(' ').any(|one| one == event));
    row.map(|(_, structure, _)| *structure)
}

const TABLE: &[(&str, &str, &str)] = &[
    ("ADT", "ADT_A01", "A01 A04 A08 A13"),
    ("ADT", "ADT_A02", "A02"),
    ("ADT", "ADT_A03", "A03"),
    ("ADT", "ADT_A05", "A05 A14 A28 A31"),
    ("ADT", "ADT_A06", "A06 A07"),
    ("ADT", "ADT_A09", "A09 A10 A11"),
    ("ADT", "ADT_A12", "A12"),
    ("ADT", "ADT_A15", "A15"),
    ("ADT", "ADT_A16", "A16"),
    ("ADT", "ADT_A17", "A17"),
    ("ADT", "ADT_A18", "A18"),
    ("ADT", "ADT_A20", "A20"),
    ("ADT", "ADT_A21", "A21 A22 A23 A25 A26 A27 A29 A32 A33"),
    ("ADT", "ADT_A24", "A24"),
    ("ADT", "ADT_A30", "A30 A34 A35 A36 A46 A47 A48 A49"),
    ("ADT", "ADT_A37", "A37"),
    ("ADT", "ADT_A38", "A38"),
    ("ADT", "ADT_A39", "A39 A40 A41 A42"),
    ("ADT", "ADT_A43", "A43 A44"),
    ("ADT", "ADT_A45", "A45"),
    ("ADT", "ADT_A50", "A50 A51"),
    ("ADT", "ADT_A52", "A52 A53"),
    ("ADT", "ADT_A54", "A54 A55"),
    ("ADT", "ADT_A60", "A60"),
    ("ADT", "ADT_A61", "A61 A62"),
    ("BAR", "BAR_P01", "P01"),
    ("BAR", "BAR_P02", "P02"),
    ("BAR", "BAR_P05", "P05"),
    ("BAR", "BAR_P06", "P06"),
    ("BAR", "BAR_P10", "P10"),
    ("BAR", "BAR_P12", "P12"),
    ("CRM", "CRM_C01", "C01 C02 C03 C04 C05 C06 C07 C08"),
    ("CSU", "CSU_C09", "C09 C10 C11 C12"),
    ("DFT", "DFT_P03", "P03"),
    ("DFT", "DFT_P11", "P11"),
    ("MDM", "MDM_T01", "T01 T03 T05 T07 T09 T11"),
    ("MDM", "MDM_T02", "T02 T04 T06 T08 T10"),
    ("OMG", "OMG_O19", "O19"),
    ("OML", "OML_O21", "O21"),
    ("ORM", "ORM_O01", "O01"),
    ("ORU", "ORU_R01", "R01"),
    ("ORU", "ORU_R30", "R30 R31 R32 R40"),
    ("PEX", "PEX_P07", "P07 P08"),
    ("PGL", "PGL_PC6", "PC6 PC7 PC8"),
    ("PPG", "PPG_PCG", "PCG PCH PCJ"),
    ("PPP", "PPP_PCB", "PCB PCC PCD"),
    ("PPR", "PPR_PC1", "PC1 PC2 PC3"),
    ("RDE", "RDE_O11", "O11 O25"),
    ("REF", "REF_I12", "I12 I13 I14 I15"),
    ("RPA", "RPA_I08", "I08 I09 I10 I11"),
    ("RQA", "RQA_I08", "I08 I09 I10 I11"),
    ("RQI", "RQI_I01", "I01 I02 I03 I07"),
    ("RRI", "RRI_I12", "I12 I13 I14 I15"),
    ("SIU", "SIU_S12", "S12 S13 S14 S15 S16 S17 S18 S19 S20 S21 S22 S23 S24 S26 S27"),
    ("SRM", "SRM_S01", "S01 S02 S03 S04 S05 S06 S07 S08 S09 S10 S11"),
    ("SRR", "SRR_S01", "S01 S02 S03 S04 S05 S06 S07 S08 S09 S10 S11"),
    ("VXU", "VXU_V04", "V04"),
];
