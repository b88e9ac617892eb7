//! The key directory.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Barrier;

use pii_vault::keys::{FileKeyProvider, KeyError, KeyProvider, MissingKeys, SecretName};
use uuid::Uuid;

fn directory() -> PathBuf {
    std::env::temp_dir().join(format!("vault_keys_{}", Uuid::new_v4().simple()))
}

#[tokio::test]
async fn many_starting_at_once_share_one_set_of_keys() {
    let (path, start) = (directory(), Barrier::new(16));
    let providers: Vec<FileKeyProvider> = std::thread::scope(|scope| {
        let opening = || {
            start.wait();
            FileKeyProvider::open(&path, MissingKeys::Create).unwrap()
        };
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(opening)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let wrapped = providers[0].wrap(b"a data key", b"context").await.unwrap();
    for provider in &providers {
        assert_eq!(provider.unwrap(&wrapped, b"context").await.unwrap().expose(), b"a data key");
        for name in SecretName::ALL {
            assert_eq!(provider.secret(name).await.unwrap(), providers[0].secret(name).await.unwrap());
        }
    }
    let mut files: Vec<_> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap()).collect();
    files.sort_by_key(fs::DirEntry::file_name);
    let names: Vec<_> = files.iter().map(|file| file.file_name().into_string().unwrap()).collect();
    assert_eq!(
        names,
        ["kek-0001.key", "secret-blind-index.key", "secret-code-mac.key", "secret-code-seal.key"]
    );
    for file in &files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    fs::remove_dir_all(&path).unwrap();
}

#[tokio::test]
async fn a_newer_kek_wraps_and_older_ones_still_open() {
    let path = directory();
    let old = FileKeyProvider::open(&path, MissingKeys::Create).unwrap();
    let first = old.wrap(b"x", b"context").await.unwrap();
    fs::copy(path.join("secret-code-mac.key"), path.join("kek-0002.key")).unwrap();
    let new = FileKeyProvider::open(&path, MissingKeys::Refuse).unwrap();
    let second = new.wrap(b"y", b"context").await.unwrap();
    assert_eq!((first.kek_id.as_str(), second.kek_id.as_str()), ("0001", "0002"));
    assert_eq!(new.unwrap(&first, b"context").await.unwrap().expose(), b"x");
    // A process that started before the new key came finds it when it meets it.
    assert_eq!(old.unwrap(&second, b"context").await.unwrap().expose(), b"y");
    assert!(matches!(old.unwrap(&second, b"other").await, Err(KeyError::NotOurs)));
    let mut renamed = second.clone();
    renamed.kek_id = "0001".to_owned();
    assert!(matches!(old.unwrap(&renamed, b"context").await, Err(KeyError::NotOurs)));
    renamed.kek_id = "0009".to_owned();
    assert!(matches!(old.unwrap(&renamed, b"context").await, Err(KeyError::UnknownKek { .. })));
    fs::remove_dir_all(&path).unwrap();
}

#[test]
fn missing_open_and_malformed_files_are_named() {
    let path = directory();
    let open = |missing| FileKeyProvider::open(&path, missing).err();
    assert!(matches!(open(MissingKeys::Refuse), Some(KeyError::Missing { file }) if file == "kek-0001.key"));
    assert!(open(MissingKeys::Create).is_none());
    let file = path.join("secret-code-mac.key");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(
        matches!(open(MissingKeys::Create), Some(KeyError::TooOpen { file }) if file == "secret-code-mac.key")
    );
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&file, "not a key").unwrap();
    assert!(
        matches!(open(MissingKeys::Create), Some(KeyError::Malformed { file }) if file == "secret-code-mac.key")
    );
    fs::remove_dir_all(&path).unwrap();
}
