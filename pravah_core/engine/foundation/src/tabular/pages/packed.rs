//! Pages that are packed by gzip or brotli. The library unpacks these without a limit, however little a page claims to
//! hold, so it is given such a column as one that is not packed, and its pages are unpacked here, up to their claim.

use std::io::Read;

use brotli_decompressor::Decompressor;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use parquet::basic::CompressionCodec;
use parquet::column::page::Page;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;

/// Packed bytes that brotli takes at once.
const BROTLI_BYTES: usize = 64 << 10;

/// How pages are packed that are unpacked here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PagePacking {
    Gzip,
    Brotli,
}

impl PagePacking {
    /// That of a column; none where the library unpacks it, and where nothing does.
    pub fn of(chunk: &ColumnChunkMetaData) -> Option<Self> {
        match chunk.compression_codec() {
            CompressionCodec::GZIP => Some(Self::Gzip),
            CompressionCodec::BROTLI => Some(Self::Brotli),
            _ => None,
        }
    }

    /// The page that a packed one holds, which claims to be of `claimed` bytes: the caller has checked that so many can
    /// be true.
    ///
    /// # Errors
    /// It is damaged, or holds something else than it claims.
    pub fn page(self, page: Page, claimed: u64) -> Result<Page> {
        let most = usize::try_from(claimed).map_err(|error| ParquetError::General(error.to_string()))?;
        Ok(match page {
            Page::DictionaryPage { buf, num_values, encoding, is_sorted } => {
                Page::DictionaryPage { buf: self.unpacked(&buf, 0, most)?, num_values, encoding, is_sorted }
            }
            Page::DataPage { buf, num_values, encoding, def_level_encoding, rep_level_encoding, statistics } => {
                let buf = self.unpacked(&buf, 0, most)?;
                Page::DataPage { buf, num_values, encoding, def_level_encoding, rep_level_encoding, statistics }
            }
            Page::DataPageV2 {
                buf,
                num_values,
                encoding,
                num_nulls,
                num_rows,
                def_levels_byte_len,
                rep_levels_byte_len,
                is_compressed,
                statistics,
            } => {
                // The levels in front are never packed.
                let levels = def_levels_byte_len.saturating_add(rep_levels_byte_len) as usize;
                Page::DataPageV2 {
                    buf: if is_compressed { self.unpacked(&buf, levels, most)? } else { buf },
                    num_values,
                    encoding,
                    num_nulls,
                    num_rows,
                    def_levels_byte_len,
                    rep_levels_byte_len,
                    is_compressed: false,
                    statistics,
                }
            }
        })
    }

    /// The first `front` bytes of `packed` as they are, and what the others unpack to: `claimed` bytes together.
    fn unpacked(self, packed: &[u8], front: usize, claimed: usize) -> Result<Bytes> {
        let damaged = || ParquetError::General("the lengths of a page are damaged".into());
        let (front, packed) = packed.split_at_checked(front).ok_or_else(damaged)?;
        let rest = claimed.checked_sub(front.len()).ok_or_else(damaged)?;
        let mut out = Vec::with_capacity(claimed.saturating_add(1));
        out.extend_from_slice(front);
        // A page without any value may hold nothing at all, not even an empty stream.
        if rest > 0 {
            // One byte more shows that there is more.
            let most = rest as u64 + 1;
            let name = match self {
                Self::Gzip => MultiGzDecoder::new(packed).take(most).read_to_end(&mut out).map(|_| "gzip"),
                Self::Brotli => {
                    Decompressor::new(packed, BROTLI_BYTES).take(most).read_to_end(&mut out).map(|_| "brotli")
                }
            };
            let name = name.map_err(|error| ParquetError::General(format!("a page is damaged: {error}")))?;
            if out.len() != claimed {
                let than = if out.len() > claimed { "more" } else { "fewer" };
                let message = format!("a page unpacks with {name} to {than} than the {claimed} bytes it claims");
                return Err(ParquetError::General(message));
            }
        }
        Ok(out.into())
    }
}
