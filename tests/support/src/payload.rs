//! The payloads of `DUMP` and `RESTORE`: a body, two bytes of RDB version, eight of checksum.

/// The bytes that follow the body.
pub const FOOTER: usize = 10;

const CHECKSUM: usize = 8;

/// The server's checksum of payloads and RDB files: CRC-64 by Jones, bits reflected.
pub fn crc64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u64::from(*byte), |crc, _| {
            (crc >> 1) ^ (0x95AC_9329_AC4B_C9B5 * (crc & 1))
        })
    })
}

/// Makes the last eight bytes the checksum of those before them. The server looks at nothing else
/// of a payload or an RDB file unless that is right.
pub fn seal(payload: &mut [u8]) {
    let (body, checksum) = payload.split_at_mut(payload.len() - CHECKSUM);
    checksum.copy_from_slice(&crc64(body).to_le_bytes());
}

/// A payload with this body and the RDB version of another payload.
pub fn sealed(body: &[u8], like: &[u8]) -> Vec<u8> {
    let mut payload = [body, &like[like.len() - FOOTER..]].concat();
    seal(&mut payload);
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_is_that_of_the_catalogues() {
        assert_eq!(crc64(b"123456789"), 0xE9C6_D914_C4B8_D9CA);
    }
}
