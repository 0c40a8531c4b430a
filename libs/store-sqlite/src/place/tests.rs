use std::{
    env,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use super::*;

fn refusal(path: &Path) -> String {
    match prepare(path) {
        Err(StoreError::Unusable(why)) => why,
        other => panic!("unusable, not {other:?}"),
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_new_file_is_the_owners_alone() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("new.db");
    prepare(&file).unwrap();
    assert_eq!(mode(&file), 0o600);
    fs::set_permissions(&file, Permissions::from_mode(0o664)).unwrap();
    close_to_others(&file).unwrap();
    assert_eq!(mode(&file), 0o600);
}

#[test]
fn a_missing_directory_is_named_and_not_made() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("missing/spike.db");
    let why = refusal(&file);
    assert!(why.starts_with(&file.display().to_string()), "{why}");
    assert!(why.contains("create it"), "{why}");
    assert!(!file.parent().unwrap().exists());
}

#[test]
fn what_is_no_file_is_refused() {
    let directory = TempDir::new().unwrap();
    assert!(refusal(directory.path()).contains("is a directory"));
    assert!(refusal(Path::new("spike.db")).contains("absolute"));
    assert!(refusal(Path::new("/")).contains("absolute"));
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(refusal(&file.join("spike.db")).contains("directory"));
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("notes.txt");
    for text in ["x", "SQLite format 2\0", "Dear diary, today I was nearly a database."] {
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        assert!(refusal(&file).contains("is not a SQLite database"));
        assert_eq!((fs::read_to_string(&file).unwrap().as_str(), mode(&file)), (text, 0o644));
    }
}

#[test]
fn filesystems_that_machines_share_are_known_by_their_number() {
    for (magic, name) in [(0x6969, "NFS"), (0xFF53_4D42, "SMB"), (0x6573_5546, "FUSE")] {
        assert_eq!(filesystem::named(magic), Some(name));
    }
    let (ext4, xfs, btrfs, tmpfs, overlay) =
        (0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x794C_7630);
    for local in [ext4, xfs, btrfs, tmpfs, overlay] {
        assert_eq!(filesystem::named(local), None);
    }
}

#[test]
#[ignore = "run by the test below, as a user whom permissions bind"]
fn refuses_a_file_that_it_cannot_write() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("spike.db");
    fs::write(&file, MAGIC).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o400)).unwrap();
    assert!(refusal(&file).contains("cannot be written by this user"));

    fs::set_permissions(directory.path(), Permissions::from_mode(0o500)).unwrap();
    let why = refusal(&directory.path().join("new.db"));
    fs::set_permissions(directory.path(), Permissions::from_mode(0o700)).unwrap();
    assert!(why.contains("cannot be written by this user"), "{why}");
}

#[test]
fn a_file_that_cannot_be_written_is_refused() {
    const NOBODY: u32 = 65_534;
    let directory = TempDir::new().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let program = directory.path().join("program");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    let mut command = Command::new(&program);
    command.args(["--exact", "place::tests::refuses_a_file_that_it_cannot_write", "--ignored"]);
    command.current_dir("/").stdout(Stdio::piped());
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
