//! The trial balance. Rules M1, M2.

use actix_web::web::Payload;

use crate::auth::Role;
use crate::call::{Answer, Call};
use crate::query;
use crate::read::journal::Clinics;
use crate::read::{self, Model};

pub(crate) async fn read(call: Call, _: Payload) -> Answer {
    query::none(&call)?;
    // The checks compare the two.
    read::wait(&call, Model::Balances, None).await?;
    let position = read::wait(&call, Model::Journal, None).await?;
    let clinics = match call.caller()?.role {
        Role::Auditor => Clinics::Each,
        _ => read::journal::clinics_for_admins(&call.app).await?,
    };
    let data = read::journal::trial_balance(&call.app, &clinics).await?;
    call.read(&data, position)
}
