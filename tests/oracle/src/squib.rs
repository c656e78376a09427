//! squib's own types and loader.

use serde_json::{Value as Json, json};
use squib_snapshot::{MicrovmState, Snapshot, SnapshotError};

/// What `squib_snapshot::load` says of a file with these bytes: "Ok", or the name of its error.
pub fn verdict(data: &[u8]) -> String {
    match load(data) {
        Ok(_) => "Ok".to_owned(),
        Err(error) => variant_name(&error),
    }
}

/// The value of a file whose envelope squib accepts, as serde_json prints it, or squib's error.
pub fn value(data: &[u8]) -> Result<Json, String> {
    let snapshot = Snapshot::<MicrovmState>::load_from_slice(data);
    snapshot.map(|snapshot| json!(snapshot)).map_err(|error| error.to_string())
}

/// The state file of a value in the form in which serde_json prints it.
pub fn save(value: &Json) -> Result<Vec<u8>, String> {
    let snapshot: Snapshot<MicrovmState> =
        serde_json::from_value(value.clone()).map_err(|error| error.to_string())?;
    let mut file = vec![];
    snapshot.save(&mut file).map_err(|error| error.to_string())?;
    Ok(file)
}

/// As `squib_snapshot::load`, but for the file system.
fn load(mut data: &[u8]) -> Result<(), SnapshotError> {
    Snapshot::<MicrovmState>::load(&mut data)?.data.verify_compatible()
}

/// The name of a variant is what its `Debug` form begins with.
fn variant_name(error: &SnapshotError) -> String {
    let text = format!("{error:?}");
    text.split(|character: char| !character.is_alphanumeric()).next().unwrap_or_default().to_owned()
}
