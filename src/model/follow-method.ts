/** How the changes of a side are had: from its log, or from a record that triggers write. */
export type FollowMethod = 'log' | 'triggers';
