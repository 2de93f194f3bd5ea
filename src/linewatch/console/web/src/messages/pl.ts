import { en, type MessageKey } from './en';

export const pl: Record<MessageKey, string> = { ...en };
