//! The files that an installation and its servers leave behind.

use std::path::PathBuf;
use std::time::Duration;

use super::site::Site;

impl Site {
    /// The bundle that an auditor takes away, as a folder.
    ///
    /// # Panics
    /// With what the auditor's program says, unless it succeeds.
    #[must_use]
    pub fn export(&self, name: &str) -> PathBuf {
        let folder = self.installation().folder().join(name);
        let target = folder.display().to_string();
        let arguments = ["export", &self.address("ledger"), &target];
        let (done, said) = self.run(name, "ledger-audit", &arguments, &[], Duration::from_secs(120));
        assert!(done, "ledger-audit export: {said}");
        folder
    }

    /// The data folder of the PostgreSQL server: all databases and the write-ahead log.
    ///
    /// # Panics
    /// When the server does not answer.
    pub async fn postgres_folder(&self) -> PathBuf {
        let pool = self.database("ledger").await;
        let folder: Result<String, _> =
            sqlx::query_scalar("SELECT current_setting('data_directory')").fetch_one(&pool).await;
        pool.close().await;
        folder.expect("a folder").into()
    }
}
