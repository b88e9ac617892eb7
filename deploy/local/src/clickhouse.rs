//! ClickHouse: one server on loopback with a password-less `default` user and small caches.
//!
//! The system's own log tables are not configured, so an idle server writes nothing. Background pools are kept small
//! because the stack shares a developer's machine with everything else.

use std::fs;
use std::path::Path;

use rustix::process::Signal;

use crate::kafka::write;
use crate::port::Port;
use crate::probe::Probe;
use crate::server::Plan;
use crate::stack::Site;
use crate::tool::{self, Tool};
use crate::watched::{Launch, OnOwnerDeath};
use crate::{ServerKind, StackError};

const STARTER: &str = include_str!("../clickhouse-server.py");
const LIBRARY: &str = "chdb/_chdb.abi3.so";

pub(crate) fn plan(site: &Site<'_>) -> Result<Plan, StackError> {
    let python = tool::find(Tool::Python)?;
    let library = site.cache.server(ServerKind::ClickHouse)?.join(LIBRARY);
    let folder = site.folder.join("clickhouse");
    fs::create_dir_all(&folder).map_err(StackError::io(format!("creating {}", folder.display())))?;
    let (http, native) = (Port::reserve()?, Port::reserve()?);
    let (starter, config) = (folder.join("clickhouse-server.py"), folder.join("config.xml"));
    write(&starter, STARTER)?;
    write(&config, &settings(&folder.join("data"), http.number(), native.number()))?;
    let command = vec![
        python.into_os_string(),
        starter.into_os_string(),
        library.into_os_string(),
        "clickhouse-server".into(),
        format!("--config-file={}", config.display()).into(),
    ];
    Ok(Plan {
        kind: ServerKind::ClickHouse,
        launch: Launch {
            name: "ClickHouse".to_owned(),
            command,
            // Its own parent process would hide the server's pid and bring a killed one back.
            environment: [("CLICKHOUSE_WATCHDOG_ENABLE".to_owned(), "0".into())].into(),
            folder,
            log: site.folder.join("clickhouse.log"),
            account: None,
            on_owner_death: OnOwnerDeath::Kill,
        },
        probe: Probe::ClickHouse(http.number()),
        address: format!("http://127.0.0.1:{}", http.number()),
        stop_signal: Signal::TERM,
        ready_limit: site.options.ready_limit,
        _ports: vec![http, native],
    })
}

fn settings(data: &Path, http: u16, native: u16) -> String {
    let data = data.display().to_string().replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<clickhouse>
  <logger><level>warning</level><console>1</console></logger>
  <http_port>{http}</http_port>
  <tcp_port>{native}</tcp_port>
  <listen_host>127.0.0.1</listen_host>
  <path>{data}/</path>
  <mark_cache_size>67108864</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <background_pool_size>2</background_pool_size>
  <background_schedule_pool_size>8</background_schedule_pool_size>
  <merge_tree><number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge><number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation><number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition></merge_tree>
  <users>
    <default>
      <password></password>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
      <access_management>1</access_management>
    </default>
  </users>
  <profiles><default></default></profiles>
  <quotas><default></default></quotas>
</clickhouse>
"
    )
}
