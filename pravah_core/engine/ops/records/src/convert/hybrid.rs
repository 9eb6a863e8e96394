//! Parquet's hybrid of runs and bit-packed groups of eight.

/// Equal values from which on a run is told by its length.
const RUN: usize = 16;

/// Values in the hybrid of runs and bit-packed groups of eight (Parquet format, "RLE/bit-packing hybrid").
pub fn hybrid(out: &mut Vec<u8>, values: &[u32], width: u32) {
    let (mut begin, mut at) = (0, 0);
    while at < values.len() {
        let run = values[at..].iter().take_while(|&&value| value == values[at]).count();
        // Groups are whole: a run that follows some values first fills their last group.
        let fill = (at - begin).wrapping_neg() & 7;
        if run >= RUN + fill {
            pack(out, &values[begin..at + fill], width);
            let (value, length) = (values[at], run - fill);
            varint(out, (length as u64) << 1);
            out.extend_from_slice(&value.to_le_bytes()[..width.div_ceil(8) as usize]);
            at += run;
            begin = at;
        } else {
            at += run;
        }
    }
    pack(out, &values[begin..], width);
}

fn pack(out: &mut Vec<u8>, values: &[u32], width: u32) {
    if values.is_empty() {
        return;
    }
    varint(out, (values.len().div_ceil(8) as u64) << 1 | 1);
    let end = out.len() + values.len().div_ceil(8) * width as usize;
    let (mut held, mut bits) = (0u64, 0);
    for &value in values {
        held |= u64::from(value) << bits;
        bits += width;
        while bits >= 8 {
            out.push(held as u8);
            held >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        out.push(held as u8);
    }
    out.resize(end, 0);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(bytes: &[u8], width: u32, count: usize) -> Vec<u32> {
        let (mut values, mut at) = (Vec::new(), 0);
        while values.len() < count {
            let (mut head, mut shift) = (0u64, 0);
            loop {
                head |= u64::from(bytes[at] & 0x7f) << shift;
                shift += 7;
                at += 1;
                if bytes[at - 1] < 0x80 {
                    break;
                }
            }
            if head & 1 == 0 {
                let length = width.div_ceil(8) as usize;
                let mut value = [0; 4];
                value[..length].copy_from_slice(&bytes[at..at + length]);
                values.extend(std::iter::repeat_n(u32::from_le_bytes(value), (head >> 1) as usize));
                at += length;
            } else {
                let groups = (head >> 1) as usize;
                for place in 0..groups * 8 {
                    let bit = |bit: usize| u32::from(bytes[at + bit / 8] >> (bit % 8) & 1);
                    let first = place * width as usize;
                    values.push((0..width as usize).map(|offset| bit(first + offset) << offset).sum());
                }
                at += groups * width as usize;
            }
        }
        assert_eq!(at, bytes.len());
        values.truncate(count);
        values
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let mut state = 20_261_126_u64;
        for round in 0..2_000usize {
            let width = (round % 17 + 1) as u32;
            let mut values: Vec<u32> = Vec::new();
            while values.len() < round % 300 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let random = (state >> 33) as u32;
                let repeated = [1, 1, 3, 20, 40][(random % 5) as usize];
                values.extend(std::iter::repeat_n((random >> 5) & ((1 << width) - 1), repeated));
            }
            let mut out = Vec::new();
            hybrid(&mut out, &values, width);
            assert_eq!(unpacked(&out, width, values.len()), values, "{width} {values:?}");
        }
    }
}
