# Short names for `cargo xtask`, which holds what they do.

# Everything CI runs.
check:
    cargo xtask test

# Servers on this machine until Ctrl-C.
up:
    cargo xtask stack up

# Real purchases in, numbers out.
demo *arguments:
    cargo xtask demo {{arguments}}

# Every test of every crate, on real servers.
test-all:
    cargo build --workspace --bins
    cargo test --workspace

# Golden scenarios.
golden *places="tests/golden":
    cargo xtask golden {{places}}

# Load against the service, beside baselines.
bench *arguments:
    cargo xtask bench {{arguments}}

# Build a read model anew beside the live one.
rebuild read_model:
    cargo run -p projectors -- rebuild {{read_model}}

# Regenerate what is generated and committed.
generate:
    cargo xtask schemas
    cargo xtask sqlx-prepare
