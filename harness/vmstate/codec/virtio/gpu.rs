//! The second field of virtio-gpu: resources, then scanouts (`virtio_gpu_load`, 2.4 on).

use super::super::super::flow::{Flow, Name};
use super::super::super::progress::Walk;
use super::items::{compared, described, from, refuse_if, scalar, within};
use super::tables;
use crate::dialect::Generation;
use crate::wire::{Kind, Result};

/// Pixel formats of the device; all of them have four bytes a pixel.
const FORMATS: [u64; 8] = [1, 2, 3, 4, 67, 68, 121, 134];

/// What a scanout is made of; resource and cursor resource are numbers of resources.
const SCANOUT: [&str; 10] = [
    "resource_id",
    "width",
    "height",
    "x",
    "y",
    "cursor.resource_id",
    "cursor.hot_x",
    "cursor.hot_y",
    "cursor.pos.x",
    "cursor.pos.y",
];

/// The picture that a scanout shows, which machine types from 9.0 on send
/// (`x-scanout-vmstate-version`, `vmstate_virtio_gpu_scanout`). The second is the bytes of a pixel, which
/// 11.1 no longer uses.
const PICTURE: [&str; 6] =
    ["fb.format", "fb.bytes_pp", "fb.width", "fb.height", "fb.stride", "fb.offset"];
/// The release that brought it. What asks for the version takes every scanout for the first of the device
/// (`scanout_vmstate_after_v2`), so that of the others it looks at something else.
const PICTURED: Generation = Generation::new(9, 0);

/// Transfers resources up to one with the number 0, and the scanouts, which show some of them.
///
/// # Errors
/// The reader's, or a failed check.
pub fn transfer<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>) -> Result<()> {
    let mut resources = Vec::new();
    while resource(walk, &mut resources)? {}
    within(walk, "scanouts", None, |walk| {
        scalar(walk, "enable", 4)?;
        let at = walk.flow.offset();
        let (count, local) = compared(walk, "max_outputs", 4)?;
        refuse_if(walk, local.is_some_and(|own| own != count), at, "max_outputs", || {
            format!("{count} outputs, local device has {}", local.unwrap_or(0))
        })?;
        (0..count).try_for_each(|i| {
            within(walk, "scanout", Some(i), |walk| {
                let at = walk.flow.offset();
                let mut shown = 0;
                for name in SCANOUT {
                    let value = scalar(walk, name, 4)?;
                    shown = if name == SCANOUT[0] { value } else { shown };
                }
                if from(walk, 9, 0) && i > 0 {
                    let what = format!(
                        "whether scanout {i} has a picture, the loader takes from memory beside the device"
                    );
                    let at = walk.flow.offset();
                    return Err(walk.flow.fail(Kind::Undefined(what), at, PICTURE[0]));
                }
                let pictured = walk.context.generation.is_none_or(|g| g >= PICTURED);
                if from(walk, 9, 0) && pictured {
                    PICTURE.into_iter().try_for_each(|name| scalar(walk, name, 4).map(|_| ()))?;
                }
                described(walk, tables::GPU_SCANOUT)?;
                let gone = shown != 0 && !resources.contains(&shown);
                refuse_if(walk, gone, at, SCANOUT[0], || format!("no resource {shown} was sent"))
            })
        })?;
        described(walk, tables::GPU_SCANOUTS)
    })
}

/// One resource with its place in guest memory and its pixels; false at the end of the list.
fn resource<'d, F: Flow<'d>>(walk: &mut Walk<'d, '_, F>, sent: &mut Vec<u64>) -> Result<bool> {
    within(walk, "resource", Some(sent.len() as u64), |walk| {
        let at = walk.flow.offset();
        let id = scalar(walk, "resource_id", 4)?;
        if id == 0 {
            return Ok(false);
        }
        refuse_if(walk, sent.contains(&id), at, "resource_id", || format!("resource {id} twice"))?;
        sent.push(id);
        let width = scalar(walk, "width", 4)?;
        let height = scalar(walk, "height", 4)?;
        let at = walk.flow.offset();
        let format = scalar(walk, "format", 4)?;
        let pieces = scalar(walk, "iov_cnt", 4)?;
        refuse_if(walk, !FORMATS.contains(&format), at, "format", || format!("format {format}"))?;
        walk.flow.bytes(Name::plain("iov", "buffer"), pieces.saturating_mul(12))?;
        let pixels = width.saturating_mul(height).saturating_mul(4);
        walk.flow.bytes(Name::plain("image", "buffer"), pixels)?;
        Ok(true)
    })
}
