//! The spike command: SPIKE Pilot's commands, administration and spike dev.
