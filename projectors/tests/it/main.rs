//! The projectors against a real PostgreSQL and a real Kafka. Every test owns its databases and its topic.

mod offers;
mod projections;
mod rebuild;
mod relay;
mod schedule;
mod seal;
mod seal_attacked;
mod sealing;
mod support;
