//! `ward.toml`: mistakes are named with their place, and nothing starts on them.

use crate::support::Folder;

#[track_caller]
fn refused(config: &str, words: &str) {
    let folder = Folder::with(config);
    folder.ward(&["config", "check"]).refused(1, words);
    folder.ward(&["serve"]).refused(1, words);
}

#[test]
fn a_right_configuration_is_said_to_be_right() {
    let folder = Folder::new();
    let said = folder.ward(&["config", "check"]).good();
    assert!(said.contains("is right") && said.contains("3 channels"), "{said}");
    let other = folder.file("other.toml", b"[https]\nlisten = \"127.0.0.1:0\"\n");
    let said = folder.ward(&["config", "check", "--config", other.to_str().unwrap()]).good();
    assert!(said.contains("0 channels"), "{said}");
}

#[test]
fn unknown_keys_and_wrong_types_are_named_with_line_and_column() {
    refused("[https]\nlisten = \"127.0.0.1:0\"\nport = 1\n", "line 3, column 1");
    refused("[htps]\n", "line 1, column 2");
    refused("[https]\nlisten = \"nowhere\"\n", "line 2, column 10");
    refused("[[channel]]\nname = \"a\"\nkind = \"mllp\"\nlisten = 5\n", "line 4");
    refused("[https\n", "line 1");
}

#[test]
fn channels_that_cannot_work_are_named() {
    refused("[[channel]]\nname = \"adt\"\nkind = \"mllp\"\n", "`adt`");
    refused("[[channel]]\nname = \"Bad Name\"\nkind = \"https\"\n", "`Bad Name`");
    let twice = "[[channel]]\nname = \"a\"\nkind = \"https\"\n";
    refused(&twice.repeat(2), "two channels");
    refused("[[channel]]\nname = \"a\"\nkind = \"https\"\nzone = \"Mars/North\"\n", "Mars/North");
}

#[test]
fn a_missing_configuration_is_named() {
    let folder = Folder::new();
    std::fs::remove_file(folder.data().join("ward.toml")).unwrap();
    folder.ward(&["config", "check"]).refused(1, "ward.toml");
    folder.ward(&["serve", "--config", "absent.toml"]).refused(1, "absent.toml");
}

#[test]
fn a_port_in_use_is_named_with_what_to_do() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = Folder::new();
    folder.ward(&["serve", "--listen", &address]).refused(1, &address);
    let channel = format!(
        "[https]\nlisten = \"127.0.0.1:0\"\n[[channel]]\nname = \"adt\"\nkind = \"mllp\"\nlisten = \"{address}\"\n"
    );
    std::fs::write(folder.data().join("ward.toml"), channel).unwrap();
    folder.ward(&["serve"]).refused(1, "channel `adt`");
    // What failed to start holds nothing: the next start works.
    std::fs::write(folder.data().join("ward.toml"), crate::support::folder::CONFIG).unwrap();
    folder.serve().stop();
}
