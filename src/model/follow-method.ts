/** How the changes of a side are had: from its log, or from a record that triggers write (PostgreSQL). */
export type FollowMethod = 'log' | 'triggers';
