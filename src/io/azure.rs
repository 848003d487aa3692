//! Sources `azure-table` and `azure-blob`.

use super::fetch::Intake;
use crate::error::{Error, Result};

/// Reads a source in Azure Storage.
pub(super) fn read(intake: &mut Intake<'_>) -> Result<()> {
    Err(Error::partial(format!("{} cannot be read yet", intake.report.kind)))
}
