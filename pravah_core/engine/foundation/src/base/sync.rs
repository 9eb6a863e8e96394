//! Locks that outlive a panic.

use std::sync::Mutex;

/// Lock a mutex whose data stays valid if a holder panicked: the job fails anyway, with that panic.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
